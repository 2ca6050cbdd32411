/** The open channels of all bots: one Connection per (bot, connector). */
import type {
  Bot,
  BotProgress,
  Connection,
  Connector,
  Delivery,
  IncomingMessage,
  SendLimits,
  SendResult,
} from '../contracts.js';
import type { Log } from '../log.js';

export interface Connections {
  /** Opens the bot's channels; called for every bot at start, and for a new one. Open ones stay as they are. */
  open(bot: Bot): void;
  close(appId: string): Promise<void>;
  /** The bot's open channel of this name, if it has one. */
  find(address: Pick<Address, 'appId' | 'channel'>): Connection | undefined;
  /** Is there such a channel at all? There is none for callers who hold the line (REST). */
  knows(channel: string): boolean;
  /** What the channel's platform takes at most. */
  limits(channel: string): SendLimits | undefined;
  /** Sends by the channel; `refused` when the bot has no such channel open. */
  send(address: Address, delivery: Delivery): Promise<SendResult>;
  /** Shows that the bot is working on an answer, or has none to send, where the channel can. */
  typing(address: Address, working: boolean): void;
  stop(): Promise<void>;
}
export type Address = Pick<IncomingMessage, 'appId' | 'channel' | 'to'>;
export interface ConnectionsOptions {
  connectors: Connector[];
  receive: (message: IncomingMessage) => Promise<unknown>;
  progress: (appId: string) => Promise<BotProgress>;
  log: Log;
}

/** Opens nothing yet. */
export function createConnections(options: ConnectionsOptions): Connections {
  const { connectors, receive, progress, log } = options;
  const bots = new Map<string, Map<string, Connection>>();
  const byName = new Map(connectors.map((connector) => [connector.name, connector]));

  const connect = (bot: Bot, connector: Connector): Connection =>
    connector.open({
      bot: { appId: bot.appId, name: bot.name, language: bot.language },
      settings: {},
      receive: async (message) => void (await receive({ ...message, appId: bot.appId, channel: connector.name })),
      progress: () => progress(bot.appId),
    });
  const find: Connections['find'] = ({ appId, channel }) => bots.get(appId)?.get(channel);
  const close = async (appId: string): Promise<void> => {
    const open = [...(bots.get(appId)?.values() ?? [])];
    bots.delete(appId);
    await Promise.all(open.map((connection) => connection.close()));
  };
  return {
    open(bot) {
      if (bots.has(bot.appId)) return;
      bots.set(bot.appId, new Map(connectors.map((connector) => [connector.name, connect(bot, connector)])));
      log.debug({ appId: bot.appId }, 'channels open');
    },
    close,
    find,
    knows: (channel) => byName.has(channel),
    limits: (channel) => byName.get(channel)?.limits,
    send: (address, delivery) =>
      find(address)?.send(address.to, delivery) ??
      Promise.resolve({
        outcome: 'refused',
        reason: 'the bot is not connected to this channel; connect it and replay',
      }),
    typing: (address, working) => find(address)?.typing?.(address.to, working),
    async stop() {
      await Promise.all([...bots.keys()].map(close));
      await Promise.all(connectors.map((connector) => connector.close()));
    },
  };
}
