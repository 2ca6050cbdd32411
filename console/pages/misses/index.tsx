/** What people asked in vain: answered here, several at a time, trained once, and asked again. */
import { Anchor, Badge, Button, Card, Group, Paper, SegmentedControl, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { MissWire } from '../../api-quality';
import { useAct } from '../../parts/act';
import { useAddress } from '../../parts/address';
import { percent, When } from '../../parts/facts';
import { Only } from '../../parts/only';
import { Empty, Heading, Loading, Problem } from '../../parts/said';
import { useTopics } from '../../queries';
import { useApi } from '../../session';
import { useThisBot } from '../bot';
import { AnswerForm, type Given } from './answer';
import { isAtWork, Reports } from './reports';

const spans = ['7', '30', '90'] as const;
const dayMs = 86_400_000;
/** So often it is looked what becomes of answers, while something becomes of them. */
const lookMs = 2000;

function useMisses(appId: string, days: number) {
  const api = useApi();
  // The hub keeps what it found for the same moment: one that stands still for a while.
  const from = useMemo(() => new Date(Math.floor(Date.now() / 60_000) * 60_000 - days * dayMs).toISOString(), [days]);
  return useQuery({
    queryKey: ['misses', appId, days],
    queryFn: () => api.misses(appId, from),
    refetchInterval: ({ state }) => (state.data?.reports.some(isAtWork) ? lookMs : false),
  });
}

interface MissProps {
  miss: MissWire;
  appId: string;
  open: boolean;
  ready: boolean;
  toggle: () => void;
  give: (given: Given, more: boolean) => void;
}
function Miss({ miss, appId, open, ready, toggle, give }: MissProps) {
  const { t } = useTranslation();
  const { question, people, turns, reasons, nearest, conversations, lastAt } = miss;
  return (
    <Card withBorder component="li" p="sm">
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {question}
          </Text>
          <Text size="sm" className="sb-quiet">
            {t('miss.people', { count: people })} · {t('miss.turns', { count: turns })} · <When at={lastAt} />
          </Text>
          <Text size="sm" className="sb-quiet" style={{ overflowWrap: 'anywhere' }}>
            {nearest
              ? t('miss.nearest', { question: nearest.question, similarity: percent(nearest.similarity) })
              : t('miss.noNearest')}
          </Text>
        </div>
        <Only right="edit" on={appId}>
          <Button
            size="compact-sm"
            variant={open || ready ? 'default' : 'light'}
            aria-expanded={open}
            onClick={toggle}
            style={{ flex: 'none' }}
          >
            {t(ready ? 'miss.ready' : 'miss.answer')}
          </Button>
        </Only>
      </Group>
      <Group gap={6} mt={6}>
        {Object.entries(reasons).map(([reason, count]) => (
          <Badge key={reason} variant="default" tt="none" fw={400}>
            {t(`miss.reason.${reason as 'fallback'}`, { count })}
          </Badge>
        ))}
        {conversations[0] !== undefined && (
          <Anchor
            component={Link}
            size="xs"
            to={`/bots/${appId}/conversations/${encodeURIComponent(conversations[0])}`}
          >
            {t('miss.conversation')}
          </Anchor>
        )}
      </Group>
      {open && <AnswerForm miss={miss} appId={appId} give={give} />}
    </Card>
  );
}

/** Answers that wait to be given together: one training for all of them. */
function Basket({ given, forget, send }: { given: Given[]; forget: () => void; send: ReturnType<typeof useGive> }) {
  const { t } = useTranslation();
  if (given.length === 0) return null;
  return (
    <Paper withBorder p="sm" className="sb-basket" role="status">
      <Group justify="space-between">
        <Text size="sm">{t('miss.basket', { count: given.length })}</Text>
        <Group gap="xs">
          <Button size="compact-sm" variant="subtle" onClick={forget}>
            {t('miss.forget')}
          </Button>
          <Button size="compact-sm" loading={send.isPending} onClick={() => send.mutate(given)}>
            {t('miss.train')}
          </Button>
        </Group>
      </Group>
    </Paper>
  );
}

/** Gives answers one after the other; the hub trains those of a few seconds together. */
function useGive(done: () => void) {
  const api = useApi();
  const { appId } = useThisBot();
  return useAct({
    run: async (given: Given[]) => {
      for (const { clusterId, body } of given) await api.answerMiss(appId, clusterId, body);
    },
    done,
    stale: [
      ['misses', appId],
      ['topics', appId],
      ['jobs', appId],
      ['bot', appId],
    ],
  });
}

export default function Misses() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { search, change } = useAddress();
  const clusterId = search.get('open');
  const days = Number(spans.find((one) => one === search.get('days')) ?? '30');
  const { data, error, refetch } = useMisses(appId, days);
  const topics = useTopics(appId);
  const [basket, setBasket] = useState<Given[]>([]);
  const go = (id: string | null): void => change({ open: id ?? '' });
  const send = useGive(() => {
    setBasket([]);
    go(null);
  });
  const give = (given: Given, more: boolean): void => {
    const all = [...basket.filter((one) => one.clusterId !== given.clusterId), given];
    if (!more) {
      send.mutate(all);
      return;
    }
    setBasket(all);
    const items = data?.items ?? [];
    const at = items.findIndex((one) => one.clusterId === given.clusterId);
    const waits = ({ clusterId: id }: MissWire): boolean => !all.some((ready) => ready.clusterId === id);
    go([...items.slice(at + 1), ...items.slice(0, at)].find(waits)?.clusterId ?? null);
  };
  return (
    <Stack gap="sm">
      <Heading title={t('nav.misses')} text={t('miss.text')} order={2}>
        <SegmentedControl
          size="xs"
          aria-label={t('miss.since')}
          value={String(days)}
          onChange={(chosen) => change({ days: chosen === '30' ? '' : chosen })}
          data={spans.map((value) => ({ value, label: t('miss.days', { count: Number(value) }) }))}
        />
      </Heading>
      {error && <Problem error={error} retry={refetch} />}
      {!data && !error && <Loading />}
      {data && (
        <>
          <Text size="sm" className="sb-quiet">
            {t('miss.looked', { turns: data.looked.turns, missed: data.looked.missed })}
            {!data.looked.whole && ` ${t('miss.notWhole')}`}
          </Text>
          {data.items.length === 0 && <Empty icon="check" title={t('miss.none')} text={t('miss.noneText')} />}
          <Stack gap="xs" component="ul" className="sb-list" aria-label={t('nav.misses')}>
            {data.items.map((miss) => (
              <Miss
                key={miss.clusterId}
                miss={miss}
                appId={appId}
                open={miss.clusterId === clusterId}
                ready={basket.some((one) => one.clusterId === miss.clusterId)}
                toggle={() => go(miss.clusterId === clusterId ? null : miss.clusterId)}
                give={give}
              />
            ))}
          </Stack>
          <Basket given={basket} forget={() => setBasket([])} send={send} />
          <Reports reports={data.reports} topics={topics} appId={appId} />
        </>
      )}
    </Stack>
  );
}
