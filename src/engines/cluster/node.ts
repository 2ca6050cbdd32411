/** A node at the other end of a line: asks it for what the cluster wants, and knows of its bots what it last told. */
import type {
  ApiRequest,
  ApiResponse,
  BotStatus,
  Json,
  LaunchOptions,
  LogLine,
  Model,
  PoolUsage,
  RunningEngine,
  Turn,
  TurnResult,
} from '../../contracts.js';
import { HubError } from '../../errors.js';
import { asleep, type BotPlace, type Member, type MemberEngines, weightOf } from './member.js';
import type { Message, Peer } from './peer.js';
import { Answered, Apart, Awake, Events, type Hello, News, Parsed, Replied } from './protocol.js';

/** What the hub knows of a node beside what it does. */
export interface NodeOptions {
  hello: Hello;
  peer: Peer;
  /** Its token: for all bots, or for single ones. */
  scope: { all: boolean; serves: (appId: string) => boolean };
  /** Digests of models that were named to it. */
  handedOver: Set<string>;
}

export class NodeMember implements Member {
  readonly engines: MemberEngines;
  readonly id: string;
  readonly address: string;
  readonly weight: number;
  taking = true;
  private known = new Map<string, { status: BotStatus; models: string[] }>();
  /** What its bots can do, by when they last woke. */
  private readonly woken = new Map<string, Awake>();
  /** Wakes that it was asked for. */
  private readonly waking = new Map<string, number>();
  private last: PoolUsage | null = null;
  private lineListener: (appId: string, line: Omit<LogLine, 'number'>) => void = () => undefined;
  private changeListener: () => void = () => undefined;

  constructor(readonly options: NodeOptions) {
    const { hello } = options;
    this.id = hello.id;
    this.address = hello.address;
    this.weight = weightOf(hello);
    this.engines = {
      use: (appId, work) => this.use(appId, work),
      apart: (appId, modelId, work, how) => this.apart({ appId, modelId, how }, work),
      swap: (appId, model, live) => this.swap(appId, model, live),
      park: (appId) => this.order('park', { appId }),
      restart: (appId) => this.order('restart', { appId }),
      register: (appId, limits) => void this.order('register', { appId, ...limits }).catch(() => undefined),
      forget: (appId) => this.forget(appId),
      status: (appId) => this.status(appId),
    };
  }

  get load(): number {
    let sum = 0;
    for (const { status } of this.known.values())
      sum += status.state === 'asleep' ? 0 : Math.max(1, status.pids.length);
    for (const appId of this.waking.keys()) if (!this.known.get(appId)?.status.pids.length) sum += 1;
    return sum;
  }

  admits({ appId, engine, runtime }: BotPlace): 'own' | 'any' | null {
    const { scope, hello } = this.options;
    if (engine === 'remote' || !scope.serves(appId) || (runtime !== null && !hello.runtimes.includes(runtime)))
      return null;
    return scope.all ? 'any' : 'own';
  }

  usage(): PoolUsage | null {
    return this.last;
  }
  onLine(listener: (appId: string, line: Omit<LogLine, 'number'>) => void): void {
    this.lineListener = listener;
  }
  onChange(listener: () => void): void {
    this.changeListener = listener;
  }

  /** The bots that are not asleep there, with the models that they run. */
  *awake(): Iterable<{ appId: string; models: string[] }> {
    for (const [appId, { status, models }] of this.known) if (status.state !== 'asleep') yield { appId, models };
  }

  drain(on: boolean): Promise<unknown> {
    return this.options.peer.call('drain', { value: { on } });
  }

  /** Takes what the node told. What does not fit, or is of other people's bots, is dropped. */
  hear(told: unknown): void {
    const read = News.safeParse(told);
    if (!read.success) return;
    const { draining, usage, bots = [], lines = [] } = read.data;
    const { serves } = this.options.scope;
    if (usage) this.last = { ...usage, states: { ...noStates, ...usage.states } };
    for (const { appId, status, models } of bots) if (serves(appId)) this.note(appId, { status, models });
    for (const { appId, ...line } of lines) if (serves(appId)) this.lineListener(appId, line);
    if (draining !== undefined && draining === this.taking) {
      this.taking = !draining;
      this.changeListener();
    }
  }

  private note(appId: string, told: { status: BotStatus; models: string[] }): void {
    if (told.status.state === 'asleep') this.known.delete(appId);
    else this.known.set(appId, told);
  }

  private async use<T>(appId: string, work: (running: RunningEngine) => Promise<T>): Promise<T> {
    const { state, engineInUse } = this.engines.status(appId);
    let awake = state === 'awake' ? this.woken.get(appId) : undefined;
    if (awake?.engine !== engineInUse) awake = undefined;
    awake ??= await this.wake(appId);
    this.woken.set(appId, awake);
    return work(this.running(awake, { appId }));
  }

  private async wake(appId: string): Promise<Awake> {
    this.waking.set(appId, (this.waking.get(appId) ?? 0) + 1);
    try {
      return checked(Awake, (await this.ask('wake', { appId })).value);
    } finally {
      const left = (this.waking.get(appId) ?? 1) - 1;
      if (left > 0) this.waking.set(appId, left);
      else this.waking.delete(appId);
    }
  }

  /** As it last told; a bot that it was asked to wake is on its way before it says so. */
  private status(appId: string): BotStatus {
    const told = this.known.get(appId)?.status ?? asleep;
    return told.state === 'asleep' && this.waking.has(appId) ? { ...told, state: 'waking' } : told;
  }

  private async apart<T>(
    asked: { appId: string; modelId: string | null; how: LaunchOptions | undefined },
    work: (running: RunningEngine) => Promise<T>,
  ): Promise<T> {
    const { lease, ...awake } = checked(Apart, (await this.ask('apart', asked)).value);
    try {
      return await work(this.running(awake, { appId: asked.appId, lease }));
    } finally {
      this.options.peer.tell('release', { lease });
    }
  }

  async hold(appId: string): Promise<() => void> {
    const { lease } = (await this.ask('hold', { appId })).value as { lease: number };
    return () => this.options.peer.tell('release', { lease });
  }

  private async swap(appId: string, model: Model, live: () => Promise<void>): Promise<void> {
    for (const digest of [model.archive, model.content]) if (digest) this.options.handedOver.add(digest);
    const { ticket } = (await this.ask('swap', { appId, model })).value as { ticket: number };
    try {
      await live();
    } catch (error) {
      await this.ask('decide', { appId, ticket, live: false }).catch(() => undefined);
      throw error;
    }
    await this.ask('decide', { appId, ticket, live: true });
  }

  private async forget(appId: string): Promise<void> {
    await this.order('forget', { appId });
    this.known.delete(appId);
    this.woken.delete(appId);
  }

  private async order(name: string, value: Json): Promise<void> {
    await this.ask(name, value);
  }

  private ask(name: string, value: Json, bytes?: Buffer): Promise<Required<Message>> {
    return this.options.peer.call(name, { value, ...(bytes && { bytes }) });
  }

  /** The bot as it runs there; `on` names it, or one process of it. */
  private running({ engine, pid, can }: Awake, on: { appId: string; lease?: number }): RunningEngine {
    const { address: node } = this;
    const ask = async (name: string, value: Json): Promise<unknown> =>
      (await this.ask(name, { ...on, ...value })).value;
    return {
      engine,
      pid,
      node,
      reply: async (turn: Turn) => repliedIn(await ask('reply', { turn })),
      parse: async (text: string, language?: string) =>
        checked(Parsed, await ask('parse', { text, ...(language && { language }) })),
      ...(can.includes('tracker') && {
        tracker: async (sender: string) => checked(Events, await ask('tracker', { sender })),
      }),
      ...(can.includes('api') && {
        api: async ({ body, ...request }: ApiRequest): Promise<ApiResponse> => {
          const { value, bytes } = await this.ask('api', { ...on, request }, body);
          return { ...checked(Answered, value), body: bytes };
        },
      }),
      stop: () => Promise.resolve(),
      exited: new Promise(() => undefined),
      log: () => [],
    };
  }
}

const noStates: PoolUsage['states'] = { asleep: 0, waking: 0, awake: 0, draining: 0, quarantined: 0 };

function repliedIn(value: unknown): TurnResult {
  const read = checked(Replied, value);
  return { ...(read as unknown as TurnResult), messages: read.messages };
}

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false };
}
function checked<T>(schema: Schema<T>, value: unknown): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new HubError('turn_failed', 'The node answered in a way that this hub does not understand.');
}
