/** What happens in the hub, live, for who watches it: trainings of all bots, and what the processes of some bots do. */
import { z } from 'zod';
import type { Bot, Engines, Store, TrainingQueue } from '../contracts.js';
import { presentJob } from './present.js';
import { type Route, route } from './route.js';

export interface EventRoutesOptions {
  store: Pick<Store, 'bots'>;
  engines: Pick<Engines, 'status'>;
  queue: Pick<TrainingQueue, 'watch'>;
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

async function* eventsOf(options: EventRoutesOptions, appIds: string[], signal: AbortSignal): AsyncGenerator<string> {
  const { store, engines, queue, present } = options;
  const line = new Line();
  const stateOf = (appId: string): string => {
    const { state, engineInUse, pids } = engines.status(appId);
    return `${state} ${engineInUse} ${pids.join()}`;
  };
  const seen = new Map(appIds.map((appId) => [appId, stateOf(appId)]));
  const tell = async (appId: string): Promise<void> => {
    const bot = await store.bots.get(appId);
    if (bot) line.push(eventOf('bot', await present(bot)));
  };
  const look = (): void => {
    for (const [appId, before] of seen) {
      const now = stateOf(appId);
      if (now === before) continue;
      seen.set(appId, now);
      // A store that cannot be asked now is asked again at the next change.
      tell(appId).catch(() => undefined);
    }
  };
  const unwatch = queue.watch(({ job }) => line.push(eventOf('job', presentJob(job))));
  const timers = [setInterval(look, lookMs), setInterval(() => line.push(': still here\n\n'), heartbeatMs)];
  try {
    yield eventOf('open', {});
    yield* line.read(signal);
  } finally {
    for (const timer of timers) clearInterval(timer);
    unwatch();
  }
}

export function eventRoutes(options: EventRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/events',
      summary:
        'Live, as server-sent events until the reader goes: `event: open` at first, `event: job`, data a Job, of all bots; `event: bot`, data a Bot whose process began or ended, of those in ?appId=.',
      access: 'watch',
      query: Query,
      answers: { 200: { description: 'An event stream.', type: 'text/event-stream' } },
      handle: (asked) => {
        const appIds = (asked.query.appId ?? '').split(',').filter((appId) => appId !== '');
        const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
        return Promise.resolve({ headers, stream: eventsOf(options, appIds.slice(0, mostBots), asked.gone()) });
      },
    }),
  ];
}
