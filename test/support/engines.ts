/** A scripted engine for tests of the pool and the message path: real promises, real exits, no process. */
import type {
  Bot,
  Engine,
  Exit,
  Json,
  LoadableModel,
  Model,
  Parse,
  RunningEngine,
  Turn,
  TurnResult,
} from '../../src/contracts.js';
import type { MemoryOptions } from '../../src/engines/pool/index.js';
import { HubError } from '../../src/errors.js';

export interface ScriptedBot extends RunningEngine {
  readonly model: string | null;
  /** Ends it as if the process had died. */
  die(exit?: Exit): void;
  stopped: boolean;
  turns: Turn[];
  /** What it has of its own; null: it can't be read. */
  bytes: number | null;
  lines: string[];
  /** How long each `stop` would have waited; undefined: the engine's own time. */
  graces: (number | undefined)[];
}
export interface ScriptedEngine extends Engine {
  launched: ScriptedBot[];
  /** What the next launches do: an error rejects, null succeeds. */
  failures: (Error | null)[];
  launchMs: number;
  /** What its bots have after their launch; absent: they have no process. */
  bytes: number | undefined;
  /** Launches under way, and the most that there were at once. */
  launching: number;
  mostLaunching: number;
  /** What its bots keep of a conversation. */
  tracker: (sender: string) => Promise<Json[] | null>;
  /** Answers a turn; replace it to be slow or to fail. */
  answer: (turn: Turn, bot: ScriptedBot) => Promise<TurnResult>;
}

export const parseOf = (text: string, name = 'faq', confidence = 0.9): Parse => ({
  text,
  intent: { name, confidence },
  entities: [],
});
export const saying = (turn: Turn, text: string): TurnResult => ({
  messages: [{ recipient_id: turn.sender, text }],
  parse: parseOf(turn.text),
});

function launch(engine: ScriptedEngine, model: LoadableModel | null): ScriptedBot {
  let end: (exit: Exit) => void = () => undefined;
  const exited = new Promise<Exit>((resolve) => {
    end = resolve;
  });
  const bot: ScriptedBot = {
    engine: engine.name,
    pid: 1000 + engine.launched.length,
    bytes: engine.bytes ?? null,
    lines: ['a line'],
    graces: [],
    model: model?.id ?? null,
    exited,
    stopped: false,
    turns: [],
    async reply(turn) {
      if (bot.stopped) throw new HubError('turn_failed', 'It was stopped.');
      bot.turns.push(turn);
      return engine.answer(turn, bot);
    },
    parse: (text) => Promise.resolve(parseOf(text)),
    tracker: (sender) => engine.tracker(sender),
    stop(graceMs) {
      bot.graces.push(graceMs);
      bot.stopped = true;
      end({ code: 0, signal: null });
      return Promise.resolve();
    },
    die: (exit = { code: null, signal: 'SIGKILL' }) => {
      bot.stopped = true;
      end(exit);
    },
    log: () => [...bot.lines],
  };
  if (engine.bytes !== undefined) bot.memory = () => Promise.resolve(bot.bytes);
  return bot;
}

/** `needsModel` as the rasa engine by default. */
export function scriptedEngine(options: { name?: Engine['name']; needsModel?: boolean } = {}): ScriptedEngine {
  const engine: ScriptedEngine = {
    name: options.name ?? 'rasa',
    needsModel: options.needsModel ?? true,
    launched: [],
    failures: [],
    launchMs: 1,
    bytes: undefined,
    launching: 0,
    mostLaunching: 0,
    tracker: () => Promise.resolve(null),
    answer: (turn) => Promise.resolve(saying(turn, `you said ${turn.text}`)),
    async launch(_bot: Bot, model) {
      engine.launching += 1;
      engine.mostLaunching = Math.max(engine.mostLaunching, engine.launching);
      await new Promise((resolve) => setTimeout(resolve, engine.launchMs));
      engine.launching -= 1;
      const failure = engine.failures.shift();
      if (failure) throw failure;
      const bot = launch(engine, model);
      engine.launched.push(bot);
      return bot;
    },
  };
  return engine;
}

/** For pools whose memory is not in question. */
export function enoughMemory(change: Partial<MemoryOptions> = {}): MemoryOptions {
  return {
    budget: 2 ** 40,
    cap: 2 ** 40,
    floors: { memory: 0, disk: 0 },
    freeMemory: () => 2 ** 41,
    freeDisk: () => Promise.resolve(2 ** 41),
    ...change,
  };
}

export function someBot(change: Partial<Bot> = {}): Bot {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    appId: 'bot-1',
    name: 'One',
    language: 'en',
    template: 'faq',
    pipeline: 'semantic',
    engine: 'rasa',
    remoteUrl: null,
    threshold: null,
    activeModel: 'm1',
    runtime: null,
    lateAnswers: 'send',
    instances: { min: 0, max: 1 },
    createdAt: at,
    updatedAt: at,
    ...change,
  };
}
export function someModel(change: Partial<Model> = {}): Model {
  return {
    id: 'm1',
    appId: 'bot-1',
    jobId: 'j1',
    engine: 'rasa',
    pipeline: 'semantic',
    archive: 'aa',
    content: 'cc',
    bytes: 1,
    trainSeconds: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...change,
  };
}
