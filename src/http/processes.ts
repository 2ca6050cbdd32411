/** Routes of a bot's processes: wake, park, restart, and their log. */
import { z } from 'zod';
import type { Bot, Engines, LogLine, Store } from '../contracts.js';
import { BotView, listOf, LogLineView } from '../wire.js';
import { botOf } from './bots.js';
import { type Route, route } from './route.js';

export interface ProcessRoutesOptions {
  store: Pick<Store, 'bots'>;
  engines: Engines;
  /** The bot as the API shows it. */
  present: (bot: Bot) => Promise<unknown>;
}

const LogQuery = z.object({
  follow: z
    .enum(['', 'true', 'false', '1', '0'])
    .optional()
    .meta({ description: 'stay, and send new lines as server-sent events' }),
});
const follows = (given: string | undefined): boolean => given !== undefined && given !== 'false' && given !== '0';
/** Proxies cut silent connections; a comment line now and then keeps an event stream open. */
const heartbeatMs = 15_000;

/** The log so far and each new line, as server-sent events, until the reader goes. `after`: the number of the last line that the reader has. */
async function* eventsOf(
  engines: Engines,
  appId: string,
  { signal, after }: { signal: AbortSignal; after: number },
): AsyncGenerator<string> {
  const waiting: (LogLine | null)[] = [];
  let wake: () => void = () => undefined;
  const push = (line: LogLine | null): void => {
    waiting.push(line);
    wake();
  };
  const written = engines.log(appId);
  // The numbers begin anew with the hub: a reader who knows a higher one knows an earlier run.
  const known = (written.at(-1)?.number ?? 0) >= after ? after : 0;
  const unfollow = engines.follow(appId, push);
  const heartbeat = setInterval(() => push(null), heartbeatMs);
  signal.addEventListener('abort', () => wake());
  try {
    for (const line of written) if (line.number > known) yield eventOf(line);
    while (!signal.aborted) {
      const next = waiting.shift();
      if (next) yield eventOf(next);
      else if (next === null) yield ': still here\n\n';
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    clearInterval(heartbeat);
    unfollow();
  }
}
const eventOf = (line: LogLine): string => `id: ${line.number}\nevent: line\ndata: ${JSON.stringify(line)}\n\n`;

export function processRoutes({ store, engines, present }: ProcessRoutesOptions): Route[] {
  const verb = (name: 'wake' | 'park' | 'restart', summary: string, act: (appId: string) => Promise<void>): Route =>
    route({
      method: 'POST',
      path: `/bots/{appId}/${name}`,
      summary,
      access: 'build',
      answers: { 200: { description: 'The bot as it is now.', schema: BotView } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        await act(bot.appId);
        return { body: await present(bot) };
      },
    });
  return [
    verb('wake', "Start the bot's process, if it is not awake; answers when it is.", (appId) =>
      engines.use(appId, () => Promise.resolve()),
    ),
    verb('park', 'Put the bot to sleep after its running turns; the next message wakes it.', (appId) =>
      engines.park(appId),
    ),
    verb('restart', "End the bot's processes and quarantine, and start it anew.", (appId) => engines.restart(appId)),
    route({
      method: 'GET',
      path: '/bots/{appId}/logs',
      summary: "The newest lines of the bot's processes, and what the hub did with them, oldest first.",
      access: 'read',
      query: LogQuery,
      answers: {
        200: {
          description: 'The lines; with follow, events of type line as text/event-stream.',
          schema: listOf(LogLineView),
        },
      },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        if (!follows(asked.query.follow)) return { body: { items: engines.log(appId), next: null } };
        const after = Number(asked.headers['last-event-id'] ?? 0) || 0;
        const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
        return { headers, stream: eventsOf(engines, appId, { signal: asked.gone(), after }) };
      },
    }),
  ];
}
