/**
 * The channels of bots as their authors see them: settings, whether they are on and why not, and how they fare. A change opens the channel
 * anew at once. Secrets go to the store sealed and are never answered.
 */
import type {
  Bot,
  ChannelCheck,
  ChannelHealth,
  ChannelRecord,
  ChannelSettings,
  Connector,
  Json,
  Store,
} from '../contracts.js';
import { within } from '../deadline.js';
import { type Fault, HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import type { ChannelNotes } from './channel-notes.js';
import type { Connections } from './connections.js';

export interface ChannelState extends ChannelHealth {
  name: string;
  /** It takes messages and sends answers. */
  on: boolean;
  /** Why it is off, and what to do; null when it is on. */
  reason: string | null;
  /** Without the secrets. */
  settings: Json;
  /** Which secrets are set. */
  secrets: Record<string, boolean>;
}
export interface Channels {
  /** Opens what can be opened of the bot's channels. Called for every bot at start, and for a new one. */
  open(bot: Bot): Promise<void>;
  /** Opens or closes one as the store says, where another hub of it was told. */
  reopen(bot: Bot, name: string): Promise<void>;
  list(appId: string): Promise<ChannelState[]>;
  /** Rejects with `not_found` for a channel that has no settings. */
  get(appId: string, name: string): Promise<ChannelState>;
  /**
   * Replaces the settings. A secret that is left out stays as it is, null removes it. Rejects with `invalid`, naming each fault, and with
   * `not_found`.
   */
  put(bot: Bot, name: string, given: Json): Promise<ChannelState>;
  /** Back to how it was before anybody set anything. */
  remove(bot: Bot, name: string): Promise<void>;
  /** Asks the platform. */
  check(appId: string, name: string): Promise<ChannelCheck>;
}
export interface ChannelsOptions {
  store: Pick<Store, 'channels'>;
  connectors: Connector[];
  connections: Connections;
  notes: ChannelNotes;
  seal: { seal(text: string, place: string): string; open(sealed: string, place: string): string };
  /** Called with every secret in use, so that no log shows it. */
  hide: (secret: string) => void;
  log: Log;
}

interface Opened {
  settings: Json;
  off: string | null;
}
const checkLimitMs = 10_000;
const unread = 'Its secrets cannot be read with the key of this hub: enter them again.';
const healthy: ChannelHealth = { lastEventAt: null, lastErrorAt: null, lastError: null };
/** Where the secrets of a channel belong, for the seal. */
export const placeOf = (appId: string, channel: string): string => JSON.stringify([appId, channel]);

class SetChannels implements Channels {
  private readonly byName;
  /** Changes of one channel happen one after the other. */
  private readonly lines = new Map<string, Promise<unknown>>();

  constructor(private readonly options: ChannelsOptions) {
    this.byName = new Map(options.connectors.map((connector) => [connector.name, connector]));
  }

  async open(bot: Bot): Promise<void> {
    const records = new Map((await this.options.store.channels.list(bot.appId)).map((one) => [one.channel, one]));
    for (const connector of this.byName.values()) this.apply(bot, connector, records.get(connector.name) ?? null);
  }

  reopen(bot: Bot, name: string): Promise<void> {
    return this.inLine(bot.appId, name, async () => {
      const connector = this.byName.get(name);
      if (connector) this.apply(bot, connector, await this.options.store.channels.get(bot.appId, name));
    });
  }

  async list(appId: string): Promise<ChannelState[]> {
    const [records, health] = await Promise.all([
      this.options.store.channels.list(appId),
      this.options.notes.read(appId),
    ]);
    return [...this.byName.values()].flatMap((connector) => {
      const { name, settings } = connector;
      const record = records.find(({ channel }) => channel === name) ?? null;
      return settings ? [{ ...this.present(appId, connector, record), ...healthy, ...health.get(name) }] : [];
    });
  }

  async get(appId: string, name: string): Promise<ChannelState> {
    this.settable(name);
    const found = (await this.list(appId)).find((channel) => channel.name === name);
    if (!found) throw noChannel(name);
    return found;
  }

  put(bot: Bot, name: string, given: Json): Promise<ChannelState> {
    return this.inLine(bot.appId, name, async () => {
      const { connector, spec } = this.settable(name);
      const { appId } = bot;
      const stored = this.read(await this.options.store.channels.get(appId, name));
      const kept = pick(stored, spec.secrets);
      const asked = checked(spec, { ...kept, ...given });
      const settings = movedBy(spec, stored, asked) ? checked(spec, given) : asked;
      const secrets = pick(settings, spec.secrets);
      const record = {
        appId,
        channel: name,
        settings: omit(settings, spec.secrets),
        secrets: Object.keys(secrets).length === 0 ? null : this.seal(appId, name, secrets),
        updatedAt: new Date().toISOString(),
      };
      await this.options.store.channels.put(record);
      this.apply(bot, connector, record);
      return this.get(appId, name);
    });
  }

  remove(bot: Bot, name: string): Promise<void> {
    return this.inLine(bot.appId, name, async () => {
      const { connector } = this.settable(name);
      await this.options.store.channels.remove(bot.appId, name);
      this.apply(bot, connector, null);
    });
  }

  async check(appId: string, name: string): Promise<ChannelCheck> {
    const { on, reason } = await this.get(appId, name);
    if (!on) return { ok: false, detail: reason ?? 'The channel is off.' };
    const connection = this.options.connections.find({ appId, channel: name });
    if (!connection?.check) return { ok: true, detail: 'The channel is on.' };
    const silent = { ok: false, detail: 'The platform did not answer within ten seconds. Try again in a minute.' };
    try {
      const result = (await within(connection.check(), checkLimitMs)) ?? silent;
      if (!result.ok) this.noteFailure(appId, name, result.detail);
      return result;
    } catch (error) {
      this.options.log.warn({ appId, channel: name, err: error }, 'a channel could not be checked');
      return silent.ok ? silent : { ok: false, detail: `The platform could not be asked: ${reasonOf(error)}` };
    }
  }

  private noteFailure(appId: string, name: string, lastError: string): void {
    this.options.notes.note(appId, name, { lastError, lastErrorAt: new Date().toISOString() });
  }

  /** Opens or closes the channel as `record` says. */
  private apply(bot: Bot, connector: Connector, record: ChannelRecord | null): void {
    const { settings, off } = this.opened(connector, record);
    const { connections } = this.options;
    if (off !== null) return void connections.close(bot.appId, connector.name);
    for (const key of connector.settings?.secrets ?? []) {
      if (typeof settings[key] === 'string') this.options.hide(settings[key]);
    }
    connections.open(bot, connector.name, settings);
  }

  /** The settings with their secrets, and why the channel is off with them. */
  private opened({ settings: spec }: Connector, record: ChannelRecord | null): Opened {
    if (!spec) return { settings: {}, off: null };
    const stored = this.read(record);
    if (stored === null) return { settings: record?.settings ?? {}, off: unread };
    if (!record && !spec.initial) return { settings: {}, off: 'It is not set up yet.' };
    const result = spec.schema.safeParse(record ? stored : spec.initial);
    if (!result.success) return { settings: stored, off: 'Its settings do not fit this release: save them again.' };
    return { settings: result.data, off: spec.off(result.data) };
  }

  /** Settings and secrets together, empty for none; null when the secrets cannot be read. */
  private read(record: ChannelRecord | null): Json | null {
    if (!record) return {};
    if (record.secrets === null) return record.settings;
    try {
      const secrets = this.options.seal.open(record.secrets, placeOf(record.appId, record.channel));
      return { ...record.settings, ...(JSON.parse(secrets) as Json) };
    } catch (error) {
      const { appId, channel } = record;
      this.options.log.error({ appId, channel, err: error }, "a channel's secrets cannot be read");
      return null;
    }
  }

  private seal(appId: string, name: string, secrets: Json): string {
    return this.options.seal.seal(JSON.stringify(secrets), placeOf(appId, name));
  }

  private present(
    appId: string,
    connector: Connector,
    record: ChannelRecord | null,
  ): Omit<ChannelState, keyof ChannelHealth> {
    const { name, settings: spec } = connector;
    const { settings, off } = this.opened(connector, record);
    const open = this.options.connections.find({ appId, channel: name }) !== undefined;
    const keys = spec?.secrets ?? [];
    return {
      name,
      on: off === null && open,
      reason: off ?? (open ? null : 'It could not be opened; save its settings again.'),
      settings: omit(settings, keys),
      secrets: Object.fromEntries(keys.map((key) => [key, settings[key] !== undefined])),
    };
  }

  private settable(name: string): { connector: Connector; spec: ChannelSettings } {
    const connector = this.byName.get(name);
    if (!connector?.settings)
      throw noChannel(
        name,
        [...this.byName.values()].filter(({ settings }) => settings),
      );
    return { connector, spec: connector.settings };
  }

  private inLine<T>(appId: string, name: string, work: () => Promise<T>): Promise<T> {
    const key = placeOf(appId, name);
    const turn = (this.lines.get(key) ?? Promise.resolve()).then(work);
    const line = turn
      .catch(() => undefined)
      .finally(() => {
        if (this.lines.get(key) === line) this.lines.delete(key);
      });
    this.lines.set(key, line);
    return turn;
  }
}

const noChannel = (name: string, known: Connector[] = []): HubError =>
  new HubError(
    'not_found',
    `There is no channel ${name} to set up; there are: ${known.map((one) => one.name).join(', ')}.`,
  );
const reasonOf = (error: unknown): string => (error instanceof HubError ? error.message : hubErrorOf(error).message);
const pick = (from: Json | null, keys: readonly string[]): Json =>
  Object.fromEntries(Object.entries(from ?? {}).filter(([key, value]) => keys.includes(key) && value !== undefined));
const omit = (from: Json, keys: readonly string[]): Json =>
  Object.fromEntries(Object.entries(from).filter(([key, value]) => !keys.includes(key) && value !== undefined));

/** Would stored secrets go to another place than the one they were given for? */
const movedBy = (spec: ChannelSettings, stored: Json | null, asked: Json): boolean =>
  spec.destinations.some((key) => JSON.stringify(stored?.[key]) !== JSON.stringify(asked[key]));

/** Throws `invalid` with the fault of each key. A null secret is one that shall be removed. */
function checked(spec: ChannelSettings, given: Json): Json {
  const asked = Object.fromEntries(
    Object.entries(given).filter(([key, value]) => !(value === null && spec.secrets.includes(key))),
  );
  const result = spec.schema.safeParse(asked);
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap((issue): Fault[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ pointer: pointerOf([...issue.path, key]), detail: 'There is no such setting.' }))
      : [{ pointer: pointerOf(issue.path), detail: issue.message }],
  );
  const [first] = errors;
  throw new HubError('invalid', `The settings do not fit at ${first?.pointer ?? '/'}: ${first?.detail ?? ''}`, {
    errors,
  });
}
const pointerOf = (path: PropertyKey[]): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('') || '/';

/** Nothing is open yet. */
export const createChannels = (options: ChannelsOptions): Channels => new SetChannels(options);
