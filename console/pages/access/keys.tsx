/** API keys: of the whole hub, or of one bot. A key is shown once. */
import { Button, Card, Group, NumberInput, Stack, Table, Text, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { KeyWire, RoleWord } from '../../api-access';
import { SureButton, useAct } from '../../parts/act';
import { When } from '../../parts/facts';
import { Paged } from '../../parts/paged';
import { useApi } from '../../session';
import { Expires, RoleChoice, Shown } from './parts';

type Made = KeyWire & { key: string };

function NewKey({ appId, made }: { appId: string | null; made: (key: Made) => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const [name, setName] = useState('');
  const [role, setRole] = useState<RoleWord>('editor');
  const [days, setDays] = useState<number | string>('');
  const create = useAct({
    run: () =>
      api.createKey(appId, { name: name.trim(), role, ...(days === '' ? {} : { expiresInDays: Number(days) }) }),
    done: (key) => {
      setName('');
      made(key);
    },
    stale: [['keys']],
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Card withBorder component="form" onSubmit={submit}>
      <Group align="flex-end">
        <TextInput
          label={t('keys.name')}
          description={t('keys.nameHelp')}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={200}
          required
          withAsterisk={false}
          flex="1 1 200px"
        />
        <RoleChoice label={t('access.role')} value={role} change={(chosen) => chosen && setRole(chosen)} w={150} />
        <NumberInput
          label={t('keys.days')}
          description={t('keys.daysHelp')}
          value={days}
          onChange={setDays}
          min={1}
          max={3650}
          allowDecimal={false}
          w={150}
        />
        <Button type="submit" loading={create.isPending} disabled={name.trim() === ''}>
          {t('keys.make')}
        </Button>
      </Group>
    </Card>
  );
}

function KeyRow({ row, made }: { row: KeyWire; made: (key: Made) => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const stale = [['keys']];
  const rotate = useAct({ run: () => api.rotateKey(row.id), done: made, stale });
  const revoke = useAct({ run: () => api.revokeKey(row.id), stale });
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
          {row.name}
        </Text>
        <Text size="xs" className="sb-quiet">
          …{row.tail} · {row.by}
        </Text>
      </Table.Td>
      <Table.Td>{t(`role.${row.role}`)}</Table.Td>
      <Table.Td>{row.appId ?? t('keys.hub')}</Table.Td>
      <Table.Td>
        <Text size="sm">
          <When at={row.usedAt} />
        </Text>
      </Table.Td>
      <Table.Td>
        <Expires at={row.expiresAt} />
      </Table.Td>
      <Table.Td>
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          <SureButton
            label={t('keys.rotate')}
            title={t('keys.rotate')}
            text={t('keys.rotateText', { name: row.name })}
            act={() => rotate.mutateAsync()}
            button={{ size: 'compact-sm' }}
          />
          <SureButton
            label={t('keys.revoke')}
            title={t('keys.revoke')}
            text={t('keys.revokeText', { name: row.name })}
            act={() => revoke.mutateAsync()}
            button={{ size: 'compact-sm' }}
          />
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

export function Keys({ appId }: { appId: string | null }) {
  const { t } = useTranslation();
  const api = useApi();
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Stack>
      <Text size="sm" className="sb-quiet">
        {t(appId === null ? 'keys.text' : 'keys.botText')}
      </Text>
      <NewKey appId={appId} made={setMade} />
      <Paged
        queryKey={['keys', appId]}
        read={(cursor) => api.keys(appId, cursor)}
        row={(row) => <KeyRow key={row.id} row={row} made={setMade} />}
        head={[t('keys.name'), t('access.role'), t('keys.of'), t('keys.used'), t('keys.ends'), t('access.change')]}
        minWidth={720}
        empty={{ icon: 'key', title: t('keys.none'), text: t('keys.noneText') }}
      />
      {made && (
        <Shown
          title={t('keys.made', { name: made.name })}
          text={t('keys.once')}
          secret={made.key}
          close={() => setMade(null)}
        />
      )}
    </Stack>
  );
}
