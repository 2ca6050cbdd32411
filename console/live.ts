/** What happens in the hub, as it happens: into the queries' answers, and as notices. */
import { type InfiniteData, type Query, type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';

import type { Page } from '../src/client';
import type { Api, BotWire, JobWire } from './api';
import { tell } from './parts/act';
import { isOver } from './parts/facts';
import { useConversationNews } from './live-conversations';

export type BotPages = InfiniteData<Page<BotWire>, string | null>;

interface Watched {
  appIds: string[];
  /** The bot that the page is about; its process beginning and ending is told. */
  current: string | null;
  /** The bot whose conversations are on the screen. */
  talks: string | null;
}

/** What a stream tells changes of. */
const told = ['bot', 'bots', 'jobs', 'conversations', 'waiting', 'transcript'];

/** What the page has was asked before a stream began, or is being asked: what happened between that and the beginning nobody tells. */
async function askAnew(queries: QueryClient, queryKey: string[]): Promise<void> {
  const isFirst = ({ state }: Query): boolean => state.data === undefined && state.fetchStatus === 'fetching';
  const first = queries.getQueryCache().findAll({ queryKey }).some(isFirst);
  // A first answer that is on its way is waited for, not asked for again.
  await queries.invalidateQueries({ queryKey });
  if (first) await queries.invalidateQueries({ queryKey });
}

/** Tells of the bot's process beginning and ending, whoever learns of it first. */
function useStateNotices(appId: string | null): void {
  const queries = useQueryClient();
  const { t } = useTranslation();
  useEffect(() => {
    let state: BotWire['state'] | undefined;
    return queries.getQueryCache().subscribe((event) => {
      // What is left of an earlier visit is no news.
      if (event.type !== 'updated' || event.action.type !== 'success') return;
      const [kind, of] = event.query.queryKey as unknown[];
      if (kind !== 'bot' || of !== appId) return;
      const bot = event.query.state.data as BotWire | undefined;
      if (!bot || bot.state === state) return;
      const isNews = state !== undefined;
      state = bot.state;
      if (isNews && state === 'awake') tell('good', t('notice.running', { name: bot.name }));
      if (isNews && state === 'quarantined') tell('bad', t('notice.quarantined', { name: bot.name }), bot.reason ?? '');
    });
  }, [appId, queries, t]);
}

export function useLive(api: Api, { appIds, current, talks }: Watched): void {
  const queries = useQueryClient();
  const { t } = useTranslation();
  const watched = [...new Set([...(current ? [current] : []), ...appIds])].slice(0, 200).join(',');

  const change = (appId: string, fields: Partial<BotWire>): void => {
    const changed = (bot: BotWire): BotWire => (bot.appId === appId ? { ...bot, ...fields } : bot);
    queries.setQueryData<BotWire>(['bot', appId], (bot) => bot && changed(bot));
    queries.setQueryData<BotPages>(
      ['bots'],
      (all) => all && { ...all, pages: all.pages.map((page) => ({ ...page, items: page.items.map(changed) })) },
    );
  };
  const end = async ({ appId, state, error, modelId }: JobWire): Promise<void> => {
    const bot = await api.bot(appId).catch(() => null);
    const name = bot?.name ?? appId;
    // A version may wait for a person.
    if (state === 'done')
      tell(
        'good',
        t(bot && modelId !== null && bot.activeModel !== modelId ? 'notice.held' : 'notice.trained', { name }),
      );
    if (state === 'failed') tell('bad', t('notice.failed', { name }), error?.message ?? '');
  };
  /** Trainings whose end was told: two streams overlap when one follows the other. */
  const endings = useRef(new Set<string>());
  const hearTalk = useConversationNews();
  useStateNotices(current);
  const heard = useRef<(event: string, data: unknown) => void>(() => undefined);
  heard.current = (event, data) => {
    if (event === 'conversation') return void hearTalk(data as Parameters<typeof hearTalk>[0]);
    if (event === 'bot') return void change((data as BotWire).appId, data as BotWire);
    const job = data as JobWire;
    change(job.appId, { trainingJob: isOver(job) ? null : job });
    queries.setQueryData<JobWire[]>(['jobs', job.appId], (jobs) =>
      jobs?.some(({ jobId }) => jobId === job.jobId)
        ? jobs.map((one) => (one.jobId === job.jobId ? { ...one, ...job } : one))
        : jobs && [job, ...jobs],
    );
    if (!isOver(job) || endings.current.has(job.jobId)) return;
    endings.current.add(job.jobId);
    for (const key of ['bot', 'models', 'jobs', 'topics', 'misses'])
      void queries.invalidateQueries({ queryKey: [key, job.appId] });
    void end(job);
  };

  /** Ends the stream that listens now. */
  const stop = useRef<() => void>(() => undefined);
  useEffect(() => {
    const ended = new AbortController();
    const before = stop.current;
    stop.current = () => ended.abort();
    const over = (): boolean => ended.signal.aborted;
    const listen = async (): Promise<void> => {
      for (let tries = 0; !over(); tries += 1) {
        try {
          for await (const { event, data } of api.live({ appIds: watched.split(','), talks }, ended.signal)) {
            tries = 0;
            // The stream before goes on until this one has begun, so that nothing falls between them.
            if (event === 'open') {
              before();
              for (const key of told) void askAnew(queries, [key]);
            } else heard.current(event, JSON.parse(data));
          }
        } catch {
          // It is tried again; pages say themselves that the hub does not answer.
        }
        if (over()) return;
        await new Promise((resolve) => setTimeout(resolve, Math.min(15_000, 1000 * 2 ** tries)));
        // What was missed meanwhile.
        void queries.invalidateQueries();
      }
    };
    void listen();
  }, [api, watched, talks, queries]);
  useEffect(() => () => stop.current(), [api]);
}
