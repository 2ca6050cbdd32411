/** All bots at a glance, and the machine they run on. */
import { Anchor, Button, Card, Group, Progress, SimpleGrid, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { useInViewport } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { BotWire, HubWire, MachineWire, NodeWire, TrainerWire } from '../api';
import { ChannelDots, JobBar, sizeOf, percent, StateOf, When } from '../parts/facts';
import { Icon } from '../parts/icons';
import { Only } from '../parts/only';
import { Empty, Heading, Loading, Problem } from '../parts/said';
import { useBots, useChannels } from '../queries';
import { useApi, useMay } from '../session';

const figuresMs = 60_000;
/** What was said to the bot today, and how much of it in vain. */
function Today({ appId, enabled }: { appId: string; enabled: boolean }) {
  const { t } = useTranslation();
  const api = useApi();
  const day = new Date().toISOString().slice(0, 10);
  const { data } = useQuery({
    queryKey: ['today', appId, day],
    queryFn: () => api.analytics(appId, { from: day, to: day, channel: '', version: '' }),
    enabled,
    staleTime: figuresMs,
  });
  if (!data) return null;
  const { messages, fallback } = data.totals;
  return (
    <>
      <Text size="sm">{messages}</Text>
      {fallback > 0 && (
        <Anchor component={Link} to={`/bots/${appId}/misses`} size="xs">
          {t('home.unanswered', { count: fallback })}
        </Anchor>
      )}
    </>
  );
}

function BotRow({ bot }: { bot: BotWire }) {
  const { t } = useTranslation();
  const { ref, inViewport } = useInViewport<HTMLTableRowElement>();
  // Each row asks for its channels when it is seen: there may be hundreds.
  const { data: channels } = useChannels(bot.appId, inViewport);
  return (
    <Table.Tr ref={ref}>
      <Table.Td>
        <Anchor component={Link} to={`/bots/${bot.appId}`} fw={600} c="inherit">
          {bot.name}
        </Anchor>
        <Text size="xs" className="sb-quiet">
          {bot.appId} · {bot.language}
        </Text>
      </Table.Td>
      <Table.Td>
        <StateOf bot={bot} />
      </Table.Td>
      <Table.Td miw={150}>
        {bot.trainingJob ? (
          <JobBar job={bot.trainingJob} />
        ) : (
          <Text size="sm">{bot.activeModel === null ? t('home.untrained') : t('home.trained')}</Text>
        )}
      </Table.Td>
      <Table.Td>{channels ? <ChannelDots channels={channels} /> : ''}</Table.Td>
      <Table.Td ta="end">
        <Today appId={bot.appId} enabled={inViewport} />
      </Table.Td>
      <Table.Td ta="end">{bot.memory === null ? '–' : sizeOf(bot.memory)}</Table.Td>
      <Table.Td ta="end">
        <Anchor href={bot.chatUrl} target="_blank" rel="noreferrer" size="sm">
          {t('home.chat')}
        </Anchor>
      </Table.Td>
    </Table.Tr>
  );
}

function Bots() {
  const { t } = useTranslation();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useBots();
  const [wanted, setWanted] = useState('');
  const may = useMay();
  if (error && !data) return <Problem error={error} retry={refetch} />;
  if (!data) return <Loading />;
  const bots = data.pages.flatMap(({ items }) => items);
  if (bots.length === 0)
    return (
      <Empty icon="chat" title={t('home.none')} text={t(may('create') ? 'home.noneText' : 'home.noneYours')}>
        <Only right="create">
          <Button component={Link} to="/new">
            {t('nav.new')}
          </Button>
        </Only>
      </Empty>
    );
  const words = wanted.trim().toLowerCase();
  const shown = bots.filter(({ name, appId }) => `${name} ${appId}`.toLowerCase().includes(words));
  return (
    <Stack gap="sm">
      {bots.length > 5 && (
        <TextInput
          aria-label={t('home.find')}
          placeholder={t('home.find')}
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
          leftSection={<Icon name="search" size={16} />}
          maw={320}
        />
      )}
      <Card withBorder p={0}>
        <Table.ScrollContainer minWidth={760} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table verticalSpacing="sm" horizontalSpacing="md">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('home.bot')}</Table.Th>
                <Table.Th>{t('home.state')}</Table.Th>
                <Table.Th>{t('nav.training')}</Table.Th>
                <Table.Th>{t('nav.channels')}</Table.Th>
                <Table.Th ta="end">{t('home.today')}</Table.Th>
                <Table.Th ta="end">{t('home.memory')}</Table.Th>
                <Table.Th ta="end">{t('home.try')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {shown.map((bot) => (
                <BotRow key={bot.appId} bot={bot} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Card>
      {hasNextPage && (
        <Button variant="default" onClick={() => void fetchNextPage()} loading={isFetchingNextPage}>
          {t('more')}
        </Button>
      )}
    </Stack>
  );
}

function Gauge({ label, share, text }: { label: string; share: number; text: string }) {
  return (
    <div>
      <Group justify="space-between" gap="xs">
        <Text size="sm">{label}</Text>
        <Text size="sm" className="sb-quiet">
          {text}
        </Text>
      </Group>
      <Progress value={Math.min(100, share * 100)} color={share > 0.9 ? 'red' : 'ink'} size="sm" aria-label={label} />
    </div>
  );
}
const of = (used: number, total: number): string => `${sizeOf(used)} / ${sizeOf(total)}`;

function MachineCard({ machine }: { machine: MachineWire }) {
  const { t } = useTranslation();
  const { memory, disk, pool, load, cores, store, queue } = machine;
  return (
    <Card withBorder>
      <Title order={2} size="h5" mb="sm">
        {machine.hostname}
      </Title>
      <Stack gap="xs">
        <Gauge label={t('home.load', { count: cores })} share={load} text={percent(load)} />
        <Gauge label={t('home.bots')} share={pool.used / pool.budget} text={of(pool.used, pool.budget)} />
        <Gauge
          label={t('home.memory')}
          share={1 - memory.free / memory.total}
          text={of(memory.total - memory.free, memory.total)}
        />
        <Gauge
          label={t('home.disk')}
          share={1 - disk.free / disk.total}
          text={of(disk.total - disk.free, disk.total)}
        />
        <Text size="xs" className="sb-quiet">
          {t('home.parts', { store: store.kind, queue: queue.kind, platform: machine.platform })}
          {pool.waiting > 0 && ` · ${t('home.waiting', { count: pool.waiting })}`}
        </Text>
      </Stack>
    </Card>
  );
}

function TrainersCard({ trainers }: { trainers: TrainerWire[] }) {
  const { t } = useTranslation();
  return (
    <Card withBorder>
      <Title order={2} size="h5" mb="sm">
        {t('home.trainers')}
      </Title>
      {trainers.length === 0 && <Text size="sm">{t('home.noTrainers')}</Text>}
      <Stack gap="xs">
        {trainers.map(({ id, name, device, jobs, parallel, holding }) => (
          <div key={id}>
            <Group justify="space-between" gap="xs">
              <Text size="sm" fw={600}>
                {name}
              </Text>
              <Text size="sm" className="sb-quiet">
                {t('home.busy', { busy: jobs.length, parallel })}
              </Text>
            </Group>
            <Text size="xs" className="sb-quiet">
              {holding ?? device}
            </Text>
          </div>
        ))}
      </Stack>
    </Card>
  );
}

/** Where bots run, where that is more than this hub. */
function NodesCard({ nodes }: { nodes: NodeWire[] }) {
  const { t } = useTranslation();
  return (
    <Card withBorder>
      <Title order={2} size="h5" mb="sm">
        {t('home.nodes')}
      </Title>
      <Stack gap="xs">
        {nodes.map(({ id, address, local, state, usage }) => (
          <div key={id}>
            <Group justify="space-between" gap="xs">
              <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
                {local ? t('home.thisHub') : address}
              </Text>
              <Text size="sm" className="sb-quiet">
                {t(`home.node.${state}`)}
              </Text>
            </Group>
            <Text size="xs" className="sb-quiet">
              {usage && `${t('home.awake', { count: usage.states['awake'] ?? 0 })} · ${of(usage.used, usage.budget)}`}
            </Text>
          </div>
        ))}
      </Stack>
    </Card>
  );
}

/** The hubs that live on this store, where one does not have it alone. */
function HubsCard({ hubs }: { hubs: HubWire[] }) {
  const { t } = useTranslation();
  return (
    <Card withBorder>
      <Title order={2} size="h5" mb="sm">
        {t('home.hubs')}
      </Title>
      <Stack gap="xs">
        {hubs.map(({ id, url, host, since }) => (
          <Text key={id} size="sm" style={{ overflowWrap: 'anywhere' }}>
            {url ?? host} · <When at={since} />
          </Text>
        ))}
      </Stack>
    </Card>
  );
}

/** A look every quarter of a minute: the machine has no events. */
const lookMs = 15_000;

export function Home() {
  const { t } = useTranslation();
  const api = useApi();
  const looked = { enabled: useMay()('watch'), refetchInterval: lookMs };
  const machine = useQuery({ queryKey: ['machine'], queryFn: () => api.machine(), ...looked });
  const nodes = useQuery({ queryKey: ['nodes'], queryFn: () => api.nodes(), ...looked });
  const trainers = useQuery({ queryKey: ['trainers'], queryFn: () => api.trainers(), ...looked });
  return (
    <>
      <Heading title={t('nav.home')} text={t('home.text')}>
        <Only right="create">
          <Button component={Link} to="/new" leftSection={<Icon name="plus" size={16} />}>
            {t('nav.new')}
          </Button>
        </Only>
      </Heading>
      <Bots />
      <SimpleGrid cols={{ base: 1, md: 2 }} mt="lg">
        {machine.data && <MachineCard machine={machine.data} />}
        {trainers.data && <TrainersCard trainers={trainers.data} />}
        {nodes.data && nodes.data.length > 1 && <NodesCard nodes={nodes.data} />}
        {machine.data && machine.data.hubs.length > 1 && <HubsCard hubs={machine.data.hubs} />}
      </SimpleGrid>
    </>
  );
}
