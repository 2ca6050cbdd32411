/** The open channels of all bots: one Connection per (bot, connector). */
import type { Bot, BotMessage, BotProgress, Connection, Connector, IncomingMessage } from '../contracts.js';
import type { Log } from '../log.js';

export interface Connections {
  /** Opens the bot's channels; called for every bot at start, and for a new one. Open ones stay as they are. */
  open(bot: Bot): void;
  close(appId: string): Promise<void>;
  /** Sends by the channel; false when the bot has no such channel open. Rejects when the platform refused. */
  send(address: Address, replies: BotMessage[]): Promise<boolean>;
  /** Shows that an answer is on its way, where the channel can. */
  typing(address: Address): void;
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

  const connect = (bot: Bot, connector: Connector): Connection =>
    connector.open({
      bot: { appId: bot.appId, name: bot.name, language: bot.language },
      settings: {},
      receive: async (message) => void (await receive({ ...message, appId: bot.appId, channel: connector.name })),
      progress: () => progress(bot.appId),
    });
  const find = ({ appId, channel }: Address): Connection | undefined => bots.get(appId)?.get(channel);
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
    async send(address, replies) {
      const connection = find(address);
      if (!connection) return false;
      await connection.send(address.to, replies);
      return true;
    },
    typing: (address) => find(address)?.typing?.(address.to),
    async stop() {
      await Promise.all([...bots.keys()].map(close));
      await Promise.all(connectors.map((connector) => connector.close()));
    },
  };
}
