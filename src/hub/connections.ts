/** The open channels of all bots: at most one Connection per (bot, connector). */
import type {
  Bot,
  BotProgress,
  Connection,
  ConnectionContext,
  Connector,
  Delivery,
  IncomingMessage,
  Json,
  SendLimits,
  SendResult,
  StoredMessage,
} from '../contracts.js';
import { hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';

export interface Connections {
  /** Opens a channel of a bot; one that was open is closed and replaced at once. */
  open(bot: Bot, channel: string, settings: Json): void;
  /** Closes one channel of the bot, or all. */
  close(appId: string, channel?: string): Promise<void>;
  /** The bot's open channel of this name, if it has one. */
  find(address: Pick<Address, 'appId' | 'channel'>): Connection | undefined;
  /** Is there such a channel at all? */
  knows(channel: string): boolean;
  /** Can anything be sent to this address? Not to callers who hold the line (REST). */
  reaches(address: Address): boolean;
  /** What the channel's platform takes at most. */
  limits(channel: string): SendLimits | undefined;
  /** Sends by the channel; `refused` when the bot has no such channel open. */
  send(address: Address, delivery: Delivery): Promise<SendResult>;
  /** Has a stored reply to this address arrived, as far as the hub is concerned? Then it is shown, and not sent. */
  shows(address: Address): boolean;
  /** Shows it to whoever is there. Never throws. */
  show(address: Address, said: Pick<Delivery, 'part' | 'reply'>): void;
  /** Shows that the bot is working on an answer, or has none to send, where the channel can. */
  typing(address: Address, working: boolean): void;
  stop(): Promise<void>;
}
export type Address = Pick<IncomingMessage, 'appId' | 'channel' | 'to'>;
export type Place = Pick<Address, 'appId' | 'channel'>;
/** What connections tell of themselves, for the health page. */
export interface ConnectionNews {
  /** A message came in and is stored. */
  event(place: Place): void;
  /** Something with the platform went wrong. */
  failure(place: Place, reason: string): void;
}
export interface ConnectionsOptions {
  connectors: Connector[];
  receive: (message: IncomingMessage) => Promise<unknown>;
  ask: (message: IncomingMessage, gone?: AbortSignal) => Promise<StoredMessage>;
  progress: (appId: string) => Promise<BotProgress>;
  history: (appId: string, conversation: string) => Promise<StoredMessage[]>;
  publicUrl: string | null;
  /** How a channel reaches itself at other hubs, and which of them keeps its line to the platform; absent: there are no others. */
  among?: ((place: Place) => Pick<ConnectionContext, 'elsewhere' | 'duty'>) | undefined;
  news: ConnectionNews;
  log: Log;
}

class OpenConnections implements Connections {
  private readonly bots = new Map<string, Map<string, Connection>>();
  private readonly byName;

  constructor(private readonly options: ConnectionsOptions) {
    this.byName = new Map(options.connectors.map((connector) => [connector.name, connector]));
  }

  open(bot: Bot, channel: string, settings: Json): void {
    const connector = this.byName.get(channel);
    if (!connector) throw new Error(`there is no channel ${channel}`);
    const channels = this.bots.get(bot.appId) ?? new Map<string, Connection>();
    this.bots.set(bot.appId, channels);
    const former = channels.get(channel);
    if (former) void this.end(former);
    channels.set(channel, this.connect(bot, connector, settings));
    this.options.log.debug({ appId: bot.appId, channel }, 'channel open');
  }

  async close(appId: string, channel?: string): Promise<void> {
    const channels = this.bots.get(appId);
    if (!channels) return;
    const names = channel === undefined ? [...channels.keys()] : [channel];
    const open = names.map((name) => channels.get(name)).filter((connection) => connection !== undefined);
    for (const name of names) channels.delete(name);
    if (channels.size === 0) this.bots.delete(appId);
    await Promise.all(open.map((connection) => this.end(connection)));
  }

  find({ appId, channel }: Place): Connection | undefined {
    return this.bots.get(appId)?.get(channel);
  }

  knows(channel: string): boolean {
    return this.byName.has(channel);
  }

  reaches({ channel, to }: Address): boolean {
    const connector = this.byName.get(channel);
    return connector !== undefined && (connector.reaches?.(to) ?? true);
  }

  limits(channel: string): SendLimits | undefined {
    return this.byName.get(channel)?.limits;
  }

  async send(address: Address, delivery: Delivery): Promise<SendResult> {
    const connection = this.find(address);
    if (!connection) {
      return { outcome: 'refused', reason: 'the bot is not connected to this channel; connect it and replay' };
    }
    try {
      const result = await connection.send(address.to, delivery);
      if (result.outcome !== 'sent') this.options.news.failure(address, result.reason);
      return result;
    } catch (error) {
      this.options.news.failure(address, hubErrorOf(error).message);
      throw error;
    }
  }

  shows(address: Address): boolean {
    return this.find(address)?.show !== undefined;
  }

  show(address: Address, said: Pick<Delivery, 'part' | 'reply'>): void {
    try {
      this.find(address)?.show?.(address.to, said);
    } catch (error) {
      this.options.news.failure(address, hubErrorOf(error).message);
    }
  }

  typing(address: Address, working: boolean): void {
    this.find(address)?.typing?.(address.to, working);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.bots.keys()].map((appId) => this.close(appId)));
    await Promise.all(this.options.connectors.map((connector) => connector.close()));
  }

  private connect(bot: Bot, connector: Connector, settings: Json): Connection {
    const { receive, ask, progress, history, publicUrl, among, news } = this.options;
    const { appId, name, language } = bot;
    const place = { appId, channel: connector.name };
    return connector.open({
      bot: { appId, name, language },
      settings,
      publicUrl,
      async receive(message) {
        await receive({ ...message, ...place });
        news.event(place);
      },
      async ask(message, gone) {
        const answered = await ask({ ...message, ...place }, gone);
        news.event(place);
        return answered;
      },
      progress: () => progress(appId),
      history: (conversation) => history(appId, conversation),
      failed: (reason) => news.failure(place, reason),
      ...among?.(place),
    });
  }

  /** A connection that does not close cleanly is gone for us all the same. */
  private async end(connection: Connection): Promise<void> {
    await connection.close().catch((error: unknown) => {
      this.options.log.warn({ err: error }, 'a channel did not close cleanly');
    });
  }
}

/** Opens nothing yet. */
export const createConnections = (options: ConnectionsOptions): Connections => new OpenConnections(options);
