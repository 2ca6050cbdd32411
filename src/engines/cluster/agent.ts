/** A node's end of one line: does what the hub asks of its bots, and tells what becomes of them. */
import type { ApiRequest, Engines, Json, LaunchOptions, LogLine, Model, RunningEngine, Turn } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Log } from '../../log.js';
import { traceIdOf } from '../../trace.js';
import { asleep } from './member.js';
import type { Holds } from './holds.js';
import type { Handler } from './peer.js';
import type { Apart, Awake, News } from './protocol.js';
import type { Residents } from './residents.js';

export interface AgentOptions {
  engines: Engines;
  residents: Residents;
  /** Shared by the agents of all hubs of an installation. */
  holds: Holds;
  tell: (news: News) => void;
  /** Asked to take no new bots, or to take them again. */
  drain: (on: boolean) => void;
  log: Log;
}
export interface Agent {
  readonly handlers: Readonly<Record<string, Handler>>;
  /** Questions under way. */
  readonly busy: number;
  /** Tells what has changed since it last did. */
  look(): void;
  /** The line has ended: what only its hub wanted is given up. */
  end(): void;
}
/** What the hub has until it releases it: a process of its own, or the bot, to switch it. */
interface Lease {
  running?: RunningEngine;
  release: () => void;
}

export function createAgent(options: AgentOptions): Agent {
  return new HubAgent(options);
}

class HubAgent implements Agent {
  readonly handlers: Readonly<Record<string, Handler>>;
  busy = 0;
  private readonly leases = new Map<number, Lease>();
  private readonly swaps = new Map<number, { decide: (live: boolean) => void; done: Promise<void> }>();
  /** What the hub knows, by APP_ID. */
  private readonly told = new Map<string, string>();
  private readonly unfollow = new Map<string, () => void>();
  /** The number of the last line of each log that it has heard. */
  private readonly read = new Map<string, number>();
  private lines: NonNullable<News['lines']> = [];
  private tickets = 0;
  /** The line has ended: what was on its way to the hub is given up when it comes. */
  private ended = false;

  constructor(private readonly options: AgentOptions) {
    const { engines } = options;
    // The hub is trusted: it is what the node was told to serve.
    const asked = <A extends { appId: string } = { appId: string }>(work: Work<A>): Handler => {
      return (value, bytes) => this.counted(value as A, () => work(value as A, bytes));
    };
    this.handlers = {
      wake: asked(({ appId }) => engines.use(appId, (running) => Promise.resolve({ value: awakeOf(running) }))),
      reply: asked<Asked & { turn: Turn }>((on) =>
        this.noted(on, () => this.on(on, async (bot) => ({ value: await bot.reply(on.turn) }))),
      ),
      parse: asked<Asked & { text: string; language?: string }>((on) =>
        this.on(on, async (bot) => ({ value: await bot.parse(on.text, on.language) })),
      ),
      tracker: asked<Asked & { sender: string }>((on) =>
        this.on(on, async (bot) => ({ value: (await bot.tracker?.(on.sender)) ?? null })),
      ),
      api: asked<Asked & { request: Omit<ApiRequest, 'body'> }>((on, body) =>
        this.on(on, (bot) => callApi(bot, { ...on.request, body })),
      ),
      apart: asked<ApartAsked>((wanted) => this.openApart(wanted)),
      release: (value) => {
        this.leases.get((value as { lease: number }).lease)?.release();
        return Promise.resolve();
      },
      hold: asked(({ appId }) => this.hold(appId)),
      swap: asked<{ appId: string; model: Model }>((wanted) => this.prepare(wanted)),
      decide: asked<{ appId: string; ticket: number; live: boolean }>((wanted) => this.decide(wanted)),
      park: asked(({ appId }) => engines.park(appId)),
      restart: asked(({ appId }) => engines.restart(appId)),
      register: asked<{ appId: string; min: number; max: number }>(({ appId, min, max }) => {
        engines.register(appId, { min, max });
        return Promise.resolve();
      }),
      forget: asked(async ({ appId }) => {
        await engines.forget(appId);
        options.residents.leave(appId);
        this.read.delete(appId);
      }),
      drain: (value) => {
        options.drain((value as { on: boolean }).on);
        return Promise.resolve();
      },
    };
  }

  look(): void {
    for (const appId of this.options.residents.known()) this.lookAt(appId);
    for (const appId of this.unfollow.keys()) if (!this.options.residents.has(appId)) this.lookAt(appId);
    this.flush();
  }

  end(): void {
    this.ended = true;
    for (const { release } of this.leases.values()) release();
    for (const { decide } of this.swaps.values()) decide(false);
    for (const unfollow of this.unfollow.values()) unfollow();
  }

  /** What the bot has become by then is told before the answer goes. */
  private async counted<T>({ appId }: { appId: string }, work: () => Promise<T>): Promise<T> {
    this.busy += 1;
    this.options.residents.meet(appId);
    try {
      return await work();
    } finally {
      this.busy -= 1;
      this.lookAt(appId);
      this.flush();
    }
  }

  private on<T>({ appId, lease }: Asked, work: (running: RunningEngine) => Promise<T>): Promise<T> {
    if (lease === undefined) return this.options.engines.use(appId, work);
    const held = this.leases.get(lease);
    if (!held?.running) return Promise.reject(new HubError('turn_failed', "The bot's process of its own has ended."));
    return work(held.running);
  }

  /** Says of a turn that it was taken, or why it was not, by the trace that the hub says too. */
  private async noted<T>({ appId, turn }: { appId: string; turn: Turn }, work: () => Promise<T>): Promise<T> {
    const { log } = this.options;
    const facts = { appId, ...(turn.trace !== undefined && { trace: traceIdOf(turn.trace) }) };
    const started = performance.now();
    try {
      const answer = await work();
      log.debug({ ...facts, ms: Math.round(performance.now() - started) }, 'a turn was taken');
      return answer;
    } catch (error) {
      log.warn({ ...facts, err: error }, 'a turn failed');
      throw error;
    }
  }

  private openApart({ appId, modelId, how }: ApartAsked): Promise<{ value: Apart }> {
    this.tickets += 1;
    const lease = this.tickets;
    return new Promise((resolve, reject) => {
      const hold = (running: RunningEngine): Promise<void> =>
        new Promise((release) => {
          this.leases.set(lease, { running, release });
          resolve({ value: { lease, ...awakeOf(running) } });
          if (this.ended) release();
        });
      const ended = this.options.engines.apart(appId, modelId, hold, how);
      void ended.catch(reject).finally(() => this.leases.delete(lease));
    });
  }

  /** Resolves when no other hub switches the bot; none will until this one has released it. */
  private async hold(appId: string): Promise<{ value: { lease: number } }> {
    const release = await this.options.holds.take(appId);
    this.tickets += 1;
    const lease = this.tickets;
    if (this.ended) release();
    else this.leases.set(lease, { release: () => this.leases.delete(lease) && release() });
    return { value: { lease } };
  }

  /** Resolves when the new processes are up; they take over, or end, when the hub has decided. */
  private prepare({ appId, model }: { appId: string; model: Model }): Promise<{ value: { ticket: number } }> {
    this.tickets += 1;
    const ticket = this.tickets;
    return new Promise((resolve, reject) => {
      const live = async (): Promise<void> => {
        const go = await new Promise<boolean>((decide) => {
          this.swaps.set(ticket, { decide, done });
          resolve({ value: { ticket } });
          if (this.ended) decide(false);
        });
        if (!go) throw new HubError('stale_result', 'The hub has called the switch off.');
      };
      const done = this.options.engines.swap(appId, model, live).finally(() => this.swaps.delete(ticket));
      done.catch(reject);
    });
  }

  private async decide({ ticket, live }: { ticket: number; live: boolean }): Promise<void> {
    const swap = this.swaps.get(ticket);
    if (!swap) throw new HubError('stale_result', 'That switch was called off.');
    swap.decide(live);
    await swap.done.catch((error: unknown) => {
      if (live) throw error;
    });
  }

  private lookAt(appId: string): void {
    const { engines, residents } = this.options;
    if (!residents.has(appId)) {
      this.unfollow.get(appId)?.();
      this.unfollow.delete(appId);
      if (this.told.delete(appId)) this.options.tell({ bots: [{ appId, status: asleep, models: [] }] });
      return;
    }
    if (!this.unfollow.has(appId)) {
      for (const line of engines.log(appId)) this.heard(appId, line);
      this.unfollow.set(
        appId,
        engines.follow(appId, (line) => this.heard(appId, line)),
      );
    }
    const seen = { appId, status: engines.status(appId), models: residents.modelsOf(appId) };
    const text = JSON.stringify(seen);
    if (this.told.get(appId) === text) return;
    this.told.set(appId, text);
    this.options.tell({ bots: [seen] });
  }

  private heard(appId: string, { number, source, pid, at, line }: LogLine): void {
    if (number <= (this.read.get(appId) ?? 0)) return;
    this.read.set(appId, number);
    this.lines.push({ appId, source, pid, at, line });
  }

  private flush(): void {
    if (this.lines.length > 0) this.options.tell({ lines: this.lines.splice(0) });
  }
}

type Work<A> = (asked: A, bytes: Buffer) => ReturnType<Handler>;
/** Which bot, and which process of it where that is one of its own. */
interface Asked {
  appId: string;
  lease?: number;
}
interface ApartAsked {
  appId: string;
  modelId: string | null;
  how?: LaunchOptions;
}

function awakeOf(running: RunningEngine): Awake {
  const can = (['tracker', 'api'] as const).filter((name) => running[name] !== undefined);
  return { engine: running.engine, pid: running.pid, can };
}

async function callApi(bot: RunningEngine, request: ApiRequest): Promise<{ value: Json; bytes: Buffer }> {
  if (!bot.api) throw new HubError('invalid', 'This bot is not served by Rasa.');
  const { body, ...answer } = await bot.api(request);
  return { value: answer, bytes: body };
}
