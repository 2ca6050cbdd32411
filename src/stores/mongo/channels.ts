/** What authors set for their bots' channels, and what was last seen of these. */
import type { ChannelHealth, ChannelRecord, ChannelStore, Json } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';

interface ChannelDoc extends Stored, Omit<ChannelRecord, 'settings'> {
  _id: string;
  /** As JSON. */
  settings: string;
}
export const channels: Collection<ChannelDoc, 'ofBot'> = {
  name: 'channels',
  fields: {
    _id: 'string',
    appId: 'string',
    channel: 'string',
    settings: 'string',
    secrets: 'string',
    updatedAt: 'string',
  },
  indexes: { of_bot: { keys: ['appId', 'channel'] } },
  questions: { ofBot: { index: 'of_bot', equal: ['appId'], sorted: ['channel'] } },
};

interface HealthDoc extends Stored, ChannelHealth {
  _id: string;
  appId: string;
  channel: string;
}
/** Apart from the settings: it comes without them, and stays when they go. */
export const channelHealth: Collection<HealthDoc, 'ofBot'> = {
  name: 'channel_health',
  fields: {
    _id: 'string',
    appId: 'string',
    channel: 'string',
    lastEventAt: 'string',
    lastErrorAt: 'string',
    lastError: 'string',
  },
  indexes: { of_bot: { keys: ['appId', 'channel'] } },
  questions: { ofBot: { index: 'of_bot', equal: ['appId'], sorted: ['channel'] } },
};
const most = 10_000;
const nothing: ChannelHealth = { lastEventAt: null, lastErrorAt: null, lastError: null };

/** The channels of one database. */
export class MongoChannels implements ChannelStore {
  private readonly table: Table<ChannelDoc, 'ofBot'>;
  private readonly seen: Table<HealthDoc, 'ofBot'>;
  private readonly lanes = new Lanes();

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
  ) {
    this.table = mongo.table(channels);
    this.seen = mongo.table(channelHealth);
    bots.onDelete(
      (appId) => this.table.remove('ofBot', { appId }),
      (appId) => this.seen.remove('ofBot', { appId }),
    );
  }

  get(appId: string, channel: string): Promise<ChannelRecord | null> {
    return this.mongo.run(async () => {
      const document = await this.table.byId(idOf(appId, channel));
      return document ? recordOf(document) : null;
    });
  }

  list(appId: string): Promise<ChannelRecord[]> {
    return this.mongo.run(async () => (await this.table.find('ofBot', { appId }, { limit: most })).map(recordOf));
  }

  put({ appId, channel, settings, secrets, updatedAt }: ChannelRecord): Promise<void> {
    const _id = idOf(appId, channel);
    const document = { _id, appId, channel, settings: JSON.stringify(settings), secrets, updatedAt };
    return this.mongo.run(() => this.lanes.run(_id, () => this.bots.within(appId, () => this.table.put(document))));
  }

  remove(appId: string, channel: string): Promise<boolean> {
    const id = idOf(appId, channel);
    return this.mongo.run(() => this.lanes.run(id, () => this.table.removeOne(id)));
  }

  health(appId: string): Promise<Map<string, ChannelHealth>> {
    return this.mongo.run(async () => {
      const found = await this.seen.find('ofBot', { appId }, { limit: most });
      return new Map(found.map((document) => [document.channel, merged(document, {})]));
    });
  }

  async note(appId: string, channel: string, change: Partial<ChannelHealth>): Promise<void> {
    const _id = idOf(appId, channel);
    const write = async (): Promise<void> => {
      const noted = await this.seen.change(_id, (present) => ({ set: merged(present, change), answer: true }));
      if (!noted) await this.seen.insert({ _id, appId, channel, ...merged(nothing, change) });
    };
    try {
      await this.mongo.run(() => this.lanes.run(_id, () => this.bots.within(appId, write)));
    } catch (error) {
      // Its bot went meanwhile, and nobody will ask.
      if (!(error instanceof HubError) || error.code !== 'not_found') throw error;
    }
  }
}

const idOf = (appId: string, channel: string): string => JSON.stringify([appId, channel]);
const recordOf = ({ appId, channel, settings, secrets, updatedAt }: ChannelDoc): ChannelRecord => ({
  appId,
  channel,
  settings: JSON.parse(settings) as Json,
  secrets,
  updatedAt,
});
const merged = (present: ChannelHealth, change: Partial<ChannelHealth>): ChannelHealth => ({
  lastEventAt: change.lastEventAt ?? present.lastEventAt,
  lastErrorAt: change.lastErrorAt ?? present.lastErrorAt,
  lastError: change.lastError ?? present.lastError,
});
