/** One bot: what it is at, its training, the pane to try it, and the page below. */
import { Anchor, Button, Group, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Outlet, useMatch, useOutletContext, useParams } from 'react-router';

import type { BotWire } from '../api';
import { useAct } from '../parts/act';
import { useAddress } from '../parts/address';
import { JobBar, StateOf } from '../parts/facts';
import { Icon } from '../parts/icons';
import { Loading, Problem } from '../parts/said';
import { TryPane } from '../parts/try';
import { useBot } from '../queries';
import { useApi, useMay } from '../session';

/** The bot that the page is about. */
export const useThisBot = (): BotWire => useOutletContext();

function TrainButton({ bot }: { bot: BotWire }) {
  const { t } = useTranslation();
  const api = useApi();
  const train = useAct({
    run: () => api.train(bot.appId),
    stale: [
      ['bot', bot.appId],
      ['jobs', bot.appId],
    ],
  });
  if (bot.trainingJob)
    return (
      <div style={{ width: 220 }}>
        <JobBar job={bot.trainingJob} />
      </div>
    );
  return (
    <Button
      variant="light"
      loading={train.isPending}
      onClick={() => train.mutate()}
      leftSection={<Icon name="training" size={16} />}
    >
      {t('training.start')}
    </Button>
  );
}

export function BotPage() {
  const { t } = useTranslation();
  const { appId = '' } = useParams();
  const { data: bot, error, refetch } = useBot(appId);
  const may = useMay();
  const { search, change } = useAddress();
  // Beside conversations there is no room for one more, nor beside figures.
  const talks = useMatch('/bots/:appId/conversations/*') !== null;
  const figures = useMatch('/bots/:appId/analytics') !== null;
  const reading = talks || figures;
  const [trying, { toggle }] = useDisclosure(true);
  const [asked, { toggle: toggleAsked }] = useDisclosure(false);
  // `?try=` names a version that is tried beside the one that answers.
  const shown = ((reading ? asked : trying) || search.has('try')) && may('converse', appId);
  if (error && !bot) return <Problem error={error} retry={refetch} />;
  if (!bot) return <Loading />;
  return (
    <>
      <Group justify="space-between" mb="lg" align="flex-start">
        <div>
          <Title order={1} size="h2">
            {bot.name}
          </Title>
          <Group gap="md">
            <StateOf bot={bot} />
            <Text size="sm" className="sb-quiet">
              {bot.appId}
            </Text>
            <Anchor size="sm" href={bot.chatUrl} target="_blank" rel="noreferrer">
              {t('home.chat')}
            </Anchor>
          </Group>
        </div>
        <Group>
          {(bot.trainingJob !== null || may('edit', appId)) && <TrainButton bot={bot} />}
          {may('converse', appId) && (
            <Button
              variant={shown ? 'default' : 'filled'}
              onClick={search.has('try') ? () => change({ try: '' }) : reading ? toggleAsked : toggle}
              aria-expanded={shown}
              leftSection={<Icon name="chat" size={16} />}
            >
              {t('try.title')}
            </Button>
          )}
        </Group>
      </Group>
      <div style={{ display: 'flex', gap: 20, flexWrap: 'wrap', alignItems: 'flex-start' }}>
        <div style={{ flex: '1 1 420px', minWidth: 0 }}>
          <Suspense fallback={<Loading />}>
            <Outlet key={appId} context={bot} />
          </Suspense>
        </div>
        {shown && <TryPane key={appId} bot={bot} />}
      </div>
    </>
  );
}
