/** How a bot does: by day, channel, version and topic; the span and the filters stand in the address. */
import { Button, Card, Group, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';

import type { AnalyticsWire, Span } from '../../api-quality';
import { useAct } from '../../parts/act';
import { useAddress } from '../../parts/address';
import { channelName, percent, When } from '../../parts/facts';
import { keepFile } from '../../parts/file';
import { Empty, Heading, Loading, Problem } from '../../parts/said';
import { useVersionChoices } from '../../parts/versions';
import { useTopics } from '../../queries';
import { useApi } from '../../session';
import { useThisBot } from '../bot';
import { Days } from './days';
import { Parted } from './parted';

const dayMs = 86_400_000;
const presets = [7, 30, 90];
const names = ['from', 'to', 'channel', 'version'] as const;
/** Days as the hub counts them. */
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function useSpan() {
  const { search, change } = useAddress();
  const span = Object.fromEntries(names.map((name) => [name, search.get(name) ?? ''])) as unknown as Span;
  return { span, change };
}

/** `known`: the channels and versions that have figures. */
function Filters({ span, change, known }: ReturnType<typeof useSpan> & { known: AnalyticsWire | undefined }) {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const versions = useVersionChoices(appId);
  const days = (count: number) => ({ from: dayOf(Date.now() - (count - 1) * dayMs), to: '' });
  return (
    <Group align="flex-end" gap="sm">
      <TextInput
        type="date"
        size="xs"
        label={t('from')}
        value={span.from || (known?.from ?? '')}
        onChange={(event) => change({ from: event.currentTarget.value })}
      />
      <TextInput
        type="date"
        size="xs"
        label={t('to')}
        value={span.to || (known?.to ?? '')}
        onChange={(event) => change({ to: event.currentTarget.value })}
      />
      <Button.Group>
        {presets.map((count) => (
          <Button key={count} size="xs" variant="default" onClick={() => change(days(count))}>
            {t('miss.days', { count })}
          </Button>
        ))}
      </Button.Group>
      <Select
        size="xs"
        label={t('talk.channel')}
        placeholder={t('figures.all')}
        data={[...new Set([...(known?.channels.map(({ channel }) => channel) ?? []), span.channel])]
          .filter((name) => name !== '')
          .map((name) => ({ value: name, label: channelName(name) }))}
        value={span.channel || null}
        onChange={(value) => change({ channel: value ?? '' })}
        clearable
        w={150}
      />
      <Select
        size="xs"
        label={t('versions.version')}
        placeholder={t('figures.all')}
        data={versions}
        value={versions.some(({ value }) => value === span.version) ? span.version : null}
        onChange={(value) => change({ version: value ?? '' })}
        clearable
        w={220}
      />
    </Group>
  );
}

function Totals({ totals }: { totals: AnalyticsWire['totals'] }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language);
  const ms = (value: number | null): string =>
    value === null ? '–' : t('figures.ms', { value: number.format(Math.round(value)) });
  const facts = [
    [t('figures.messages'), number.format(totals.messages)],
    [t('figures.fallbackRate'), totals.fallbackRate === null ? '–' : percent(totals.fallbackRate)],
    [t('figures.p50'), ms(totals.ms.p50)],
    [t('figures.p95'), ms(totals.ms.p95)],
    [t('figures.handovers'), number.format(totals.handovers)],
    [t('figures.failed'), number.format(totals.failed)],
  ] as const;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
      {facts.map(([label, value]) => (
        <Card key={label} withBorder p="sm">
          <Text size="xs" className="sb-quiet">
            {label}
          </Text>
          <Text size="xl" fw={600}>
            {value}
          </Text>
        </Card>
      ))}
    </SimpleGrid>
  );
}

function Report({ report }: { report: AnalyticsWire }) {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const topics = useTopics(appId);
  const versions = useVersionChoices(appId);
  const versionName = (id: string): string => versions.find(({ value }) => value === id)?.label ?? t('figures.older');
  return (
    <>
      <Totals totals={report.totals} />
      <Days report={report} />
      <Parted
        title={t('figures.byChannel')}
        head={t('talk.channel')}
        rows={report.channels.map(({ channel, ...figures }) => ({ name: channelName(channel), ...figures }))}
      />
      <Parted
        title={t('figures.byVersion')}
        head={t('versions.version')}
        rows={report.versions.map(({ version, ...figures }) => ({ name: versionName(version), ...figures }))}
      />
      <Parted
        title={t('figures.byIntent')}
        head={t('try.intent')}
        rows={report.intents.map(({ intent, count }) => ({ name: topics.get(intent) ?? intent, messages: count }))}
      />
    </>
  );
}

export default function Analytics() {
  const { t } = useTranslation();
  const api = useApi();
  const { appId } = useThisBot();
  const { span, change } = useSpan();
  const { data, error, refetch } = useQuery({
    queryKey: ['analytics', appId, span],
    queryFn: () => api.analytics(appId, span),
    placeholderData: keepPreviousData,
  });
  const file = useAct({
    run: () => api.analyticsFile(appId, span),
    done: (made) => keepFile(`${appId}-analytics.csv`, made),
  });
  return (
    <Stack>
      <Heading title={t('nav.analytics')} text={t('figures.text')} order={2}>
        <Button variant="default" loading={file.isPending} onClick={() => file.mutate()}>
          {t('figures.file')}
        </Button>
      </Heading>
      <Filters span={span} change={change} known={data} />
      {error && <Problem error={error} retry={refetch} />}
      {!data && !error && <Loading />}
      {data && !error && (
        <>
          {data.totals.messages === 0 ? (
            <Empty icon="chart" title={t('figures.none')} text={t('figures.noneText')} />
          ) : (
            <Report report={data} />
          )}
          <Text size="xs" className="sb-quiet">
            {data.upTo === '' ? (
              t('figures.notYet')
            ) : (
              <>
                {t('figures.upTo')} <When at={data.upTo} />
              </>
            )}
          </Text>
        </>
      )}
    </Stack>
  );
}
