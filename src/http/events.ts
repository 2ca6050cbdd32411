/** What happens in the hub, live, for who watches it: trainings, what the processes of some bots do, and conversations. */
import { z } from 'zod';
import type { At, Bot, ConversationNews, Engines, Store, TrainingQueue } from '../contracts.js';
import type { Caller } from './admission.js';
import { previewed } from './conversations.js';
import { presentJob } from './present.js';
import { type Route, route } from './route.js';

export interface EventRoutesOptions {
  store: Pick<Store, 'bots' | 'care' | 'conversations'>;
  engines: Pick<Engines, 'status'>;
  queue: Pick<TrainingQueue, 'watch'>;
  news: ConversationNews;
  /** The bot as the API shows it. */
  present: (bot: Bot) => Promise<unknown>;
}

const mostBots = 200;
const Query = z.object({
  appId: z
    .string()
    .max(mostBots * 129)
    .optional()
    .meta({ description: `bots whose state is told, parted by commas, at most ${mostBots}` }),
  conversations: z
    .string()
    .max(128)
    .optional()
    .meta({ description: 'the bot whose conversations are told whenever somebody speaks' }),
});
/** How often states are looked at: they are in memory. */
const lookMs = 400;
/** Proxies cut silent connections; a comment line now and then keeps an event stream open. */
const heartbeatMs = 15_000;

/** Texts that wait for their reader, who is woken by each. */
class Line {
  private readonly waiting: string[] = [];
  private wake: () => void = () => undefined;
  push = (text: string): void => {
    this.waiting.push(text);
    this.wake();
  };
  async *read(signal: AbortSignal): AsyncGenerator<string> {
    signal.addEventListener('abort', () => this.wake());
    while (!signal.aborted) {
      const next = this.waiting.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
const eventOf = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** In the place of a state that could not be told: the next look finds another. */
const untold = '';
/** Conversations that changed between two looks are told once; of more than these only the newest, and lists are read anew anyway. */
const mostTold = 50;

interface Watched {
  appIds: string[];
  /** Whose conversations are told whenever somebody speaks. */
  talks: string | undefined;
  /** Asked at each event: what somebody may see can change while they watch. */
  caller: Pick<Caller, 'may'>;
}

/** What is told of bots: when their processes begin and end. Answers how to look. */
function botLook({ store, engines, present }: EventRoutesOptions, { appIds, caller }: Watched, line: Line): () => void {
  const stateOf = (appId: string): string => {
    const { state, engineInUse, pids } = engines.status(appId);
    return `${state} ${engineInUse} ${pids.join()}`;
  };
  const seen = new Map(appIds.map((appId) => [appId, stateOf(appId)]));
  const tell = async (appId: string): Promise<void> => {
    const bot = await store.bots.get(appId);
    const shown = bot && (await present(bot));
    // Seen is what is told, which may be newer than what was looked at.
    seen.set(appId, stateOf(appId));
    if (shown) line.push(eventOf('bot', shown));
  };
  return () => {
    for (const [appId, before] of seen) {
      const now = stateOf(appId);
      if (now === before) continue;
      seen.set(appId, now);
      if (caller.may('read', appId)) tell(appId).catch(() => seen.set(appId, untold));
    }
  };
}

/** What is told of conversations: who answers, of all bots; what is said, of one. Answers how to look, and how to stop. */
function talkLook({ store, news }: EventRoutesOptions, { talks, caller }: Watched, line: Line) {
  const changed = new Map<string, At>();
  const stop = news.watch((at, kind) => {
    if (kind === 'said' && at.appId !== talks) return;
    const key = JSON.stringify([at.appId, at.conversation]);
    changed.delete(key);
    changed.set(key, at);
  });
  const tell = async ({ appId, conversation }: At): Promise<void> => {
    const talk = await store.care.get(appId, conversation);
    const shown = talk && (await previewed(store, appId, [talk]))[0];
    line.push(eventOf('conversation', { appId, ...(shown ?? { id: conversation, gone: true }) }));
  };
  const look = (): void => {
    const told = [...changed.values()].filter(({ appId }) => caller.may('read', appId)).slice(-mostTold);
    changed.clear();
    for (const at of told) tell(at).catch(() => undefined);
  };
  return { look, stop };
}

async function* eventsOf(options: EventRoutesOptions, watched: Watched, signal: AbortSignal): AsyncGenerator<string> {
  const line = new Line();
  const bots = botLook(options, watched, line);
  const talks = talkLook(options, watched, line);
  const unwatch = options.queue.watch(({ job }) => {
    if (watched.caller.may('read', job.appId)) line.push(eventOf('job', presentJob(job)));
  });
  const timers = [
    setInterval(bots, lookMs),
    setInterval(talks.look, lookMs),
    setInterval(() => line.push(': still here\n\n'), heartbeatMs),
  ];
  try {
    yield eventOf('open', {});
    yield* line.read(signal);
  } finally {
    for (const timer of timers) clearInterval(timer);
    unwatch();
    talks.stop();
  }
}

export function eventRoutes(options: EventRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/events',
      summary:
        'Live, as server-sent events until the reader goes, of bots that the caller may read: `event: open` at first; `event: job`, data a Job; `event: bot`, data a Bot whose process began or ended, of those in ?appId=; `event: conversation`, data a Conversation with its appId, when who answers it or what is noted on it changed, and whenever somebody spoke in one of ?conversations=; `{appId, id, gone}` when it was erased.',
      access: 'member',
      query: Query,
      answers: { 200: { description: 'An event stream.', type: 'text/event-stream' } },
      handle: ({ query, caller, gone }) => {
        const appIds = (query.appId ?? '').split(',').filter((appId) => appId !== '');
        const watched = { appIds: appIds.slice(0, mostBots), talks: query.conversations, caller };
        const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
        return Promise.resolve({ headers, stream: eventsOf(options, watched, gone()) });
      },
    }),
  ];
}
