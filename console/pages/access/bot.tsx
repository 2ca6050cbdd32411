/** Who may do what with one bot, its keys, what was changed on it, and how long conversations are kept. */
import { Button, Card, Group, NumberInput, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { tell, useAct } from '../../parts/act';
import { Heading, Loading, Problem } from '../../parts/said';
import { Parts } from '../../parts/tabs';
import { useApi } from '../../session';
import { useThisBot } from '../bot';
import { Audit } from './audit';
import { Keys } from './keys';
import { People } from './people';

function RetentionForm({ appId, stored }: { appId: string; stored: number | null }) {
  const { t } = useTranslation();
  const api = useApi();
  const [days, setDays] = useState<number | string>(stored ?? '');
  const put = useAct({
    run: () => api.putRetention(appId, { days: days === '' ? null : Number(days) }),
    done: () => tell('good', t('options.saved')),
    stale: [['retention', appId]],
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    put.mutate();
  };
  return (
    <Card withBorder component="form" onSubmit={submit}>
      <Stack>
        <Text size="sm" className="sb-quiet">
          {t('retention.text')}
        </Text>
        <Group align="flex-end">
          <NumberInput
            label={t('retention.days')}
            description={t('retention.help')}
            value={days}
            onChange={setDays}
            min={2}
            max={36_500}
            allowDecimal={false}
            w={260}
          />
          <Button type="submit" loading={put.isPending}>
            {t('save')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}

function Retention({ appId }: { appId: string }) {
  const api = useApi();
  const { data, error, refetch } = useQuery({ queryKey: ['retention', appId], queryFn: () => api.retention(appId) });
  if (error) return <Problem error={error} retry={refetch} />;
  return data ? <RetentionForm appId={appId} stored={data.days} /> : <Loading />;
}

export default function BotAccess() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  return (
    <>
      <Heading title={t('nav.access')} text={t('access.text')} order={2} />
      <Parts
        path={`/bots/${appId}/access`}
        parts={[
          { name: 'people', label: t('access.people'), body: <People appId={appId} /> },
          { name: 'keys', label: t('access.keys'), body: <Keys appId={appId} /> },
          { name: 'audit', label: t('access.audit'), body: <Audit appId={appId} /> },
          { name: 'retention', label: t('access.retention'), body: <Retention appId={appId} /> },
        ]}
      />
    </>
  );
}
