/** Wires what several hubs of one store share: who has which conversations, what they tell each other, and that each follows what others changed. */
import { createHash } from 'node:crypto';
import type { SharedCount } from '../access/limits.js';
import type { OtherThrottles } from '../access/throttle.js';
import type { At, Bot, Engines, HubFacts, Leases, Store } from '../contracts.js';
import type { Config } from '../config.js';
import { type Bus, createBus, type Wire } from '../hub/bus.js';
import type { Channels } from '../hub/channels.js';
import { createAmong } from '../hub/among.js';
import type { Connections, ConnectionsOptions } from '../hub/connections.js';
import type { HubDesk } from '../hub/desk.js';
import type { createHub } from '../hub/hub.js';
import type { Outbox } from '../hub/outbox.js';
import { createSharing, type SharedConversations } from '../hub/sharing.js';
import type { Lifecycle } from '../lifecycle.js';
import type { Log, Logs } from '../log.js';
import { storePlaceOf } from '../stores/index.js';
import type { Among as StreamsAmong } from '../stream/pumps.js';
import type { Subscriptions } from '../stream/subscriptions.js';
import { connectQuickRedis, connectRedis, type Redis } from '../training/redis.js';
import { Followed } from './followed.js';

export interface Replicas {
  bus: Bus;
  sharing: SharedConversations;
  /** Where hubs count requests together. */
  count: SharedCount;
  /** The throttles of the other hubs. */
  throttles: OtherThrottles;
  /** The same channel at other hubs, and whether its line to the platform falls to this one. */
  among: NonNullable<ConnectionsOptions['among']>;
  /** Which subscriptions of the event stream fall to this hub; `look` is called when another one changed some. */
  streaming(look: () => Promise<void>): StreamsAmong;
  /** The store, telling other hubs what it changes of bots and their channels. */
  telling(store: Store): Store;
  /** Joins the others, and takes up what is this hub's now. Called once the hub listens. */
  start(made: Served): Promise<void>;
  /** Says where nodes and other hubs reach this one. */
  show(url: string): void;
  /** The hubs that live, this one among them. */
  hubs(): HubFacts[];
  /** Gives its conversations to the others. */
  leave(): Promise<void>;
}
export interface Served {
  hub: ReturnType<typeof createHub>;
  desk: HubDesk;
  outbox: Outbox;
  connections: Connections;
  channels: Channels;
  engines: Engines;
  /** Drops what is counted of a bot that is gone. */
  forget: (appId: string) => void;
  subscriptions: Pick<Subscriptions, 'idle'>;
}

const lookMs = 2000;
const pageSize = 500;

/** Null for a store that is this hub's alone. */
export function openReplicas(given: { store: Store; config: Config; logs: Logs; life: Lifecycle }): Replicas | null {
  const { store, config, logs, life } = given;
  const { leases } = store;
  const { redisUrl, databaseUrl } = config;
  if (!leases || redisUrl === null) return null;
  const { log } = logs;
  const prefix = `switchboard:${createHash('sha256').update(storePlaceOf(databaseUrl).at).digest('base64url').slice(0, 12)}`;
  const heard = (redis: Redis): Redis => {
    redis.on('error', (error: Error) => log.debug({ err: error }, 'Redis'));
    return redis;
  };
  const quick = heard(connectQuickRedis(redisUrl));
  life.onStop('shared counts', () => Promise.resolve(void quick.disconnect()));
  const bus = createBus({
    id: leases.id,
    prefix,
    connect: (): Wire => heard(connectRedis(redisUrl)),
    failed: (error, what) => log.warn({ err: error }, what),
  });
  life.onStop('bus', () => bus.close());
  const sharing = createSharing({ leases, bus, store, log });
  let followed: Followed | undefined;
  bus.on('ring', () => void leases.look().catch(() => undefined));
  return {
    bus,
    sharing,
    count: { redis: quick, prefix },
    throttles: {
      tell: (body) => bus.tell(null, 'throttle', body),
      listen: (listener) => bus.on('throttle', listener),
    },
    among: createAmong({ bus, leases }),
    streaming: (look) => streamsAmong({ bus, leases }, look),
    telling: (own) => tellingStore(own, bus, (bot) => followed?.own(bot)),
    hubs: () => leases.hubs(),
    show: (url) => leases.show(config.replicaUrl ?? url),
    start(made) {
      followed = new Followed(store, made, log);
      return join({ leases, bus, sharing, store, life, log }, { ...made, followed });
    },
    leave: () => leases.leave(),
  };
}

function streamsAmong({ bus, leases }: { bus: Bus; leases: Leases }, look: () => Promise<void>): StreamsAmong {
  const told = (): void => void look().catch(() => undefined);
  bus.on('subscriptions', told);
  bus.onGap(told);
  return { mine: (at) => leases.stateOf(at) === 'own', tell: () => bus.tell(null, 'subscriptions', {}) };
}

interface Joining {
  leases: Leases;
  bus: Bus;
  sharing: SharedConversations;
  store: Store;
  life: Lifecycle;
  log: Log;
}

/** Serves the other hubs, follows what they change, looks for what they could not tell, and takes this hub's part of the conversations. */
async function join(joining: Joining, made: Served & { followed: Followed }): Promise<void> {
  const { leases, bus, sharing, store, life, log } = joining;
  const { hub, desk, outbox, followed, subscriptions } = made;
  const visited = async (at: At): Promise<void> => {
    // It was erased.
    if (!(await desk.refresh(at))) outbox.drop(at.appId, at.conversation);
  };
  sharing.attach(hub.host({ visited, entriesOf: (id) => store.outbox.of(id) }));
  await followed.look();
  listen(bus, { desk, followed });
  const orphans = orphansOf(store, made, sharing);
  const stop = lookEvery(lookMs, async () => {
    await hub.look();
    await orphans();
    await desk.recover();
    await followed.lookSometimes();
  });
  life.onStop('looks at the shared store', () => Promise.resolve(void stop()));
  await leases.start({
    open: async (mine) => {
      await desk.recover();
      const items = await hub.recover(mine);
      if (items > 0) log.info({ items }, 'took up what an earlier run or another hub had stored');
    },
    idle: (mine) => [hub.idle(mine), subscriptions.idle(mine)].every(Boolean),
    changed: () => bus.tell(null, 'ring', {}),
  });
}

function listen(bus: Bus, { desk, followed }: { desk: HubDesk; followed: Followed }): void {
  bus.on('bot', ({ appId }) => followed.bot(String(appId)));
  bus.on('channel', ({ appId, name }) => followed.channel(String(appId), String(name)));
  bus.on('news', ({ appId, conversation, kind }) => {
    if (kind === 'said') return;
    void desk.refresh({ appId: String(appId), conversation: String(conversation) }).catch(() => undefined);
  });
  bus.onGap(() => void followed.look().catch(() => undefined));
}

/** One look after the other; what fails is tried again by the next. */
function lookEvery(ms: number, look: () => Promise<void>): () => void {
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look()
      .catch(() => undefined)
      .finally(() => (looking = false));
  }, ms).unref();
  return () => clearInterval(timer);
}

/** Sends what waits in the outbox for this hub and was not told: found by two looks, since one may just have left. */
function orphansOf(store: Store, { outbox }: Served, sharing: SharedConversations): () => Promise<void> {
  let before = new Set<string>();
  return async () => {
    const now = new Set<string>();
    for (let cursor: string | undefined, more = true; more;) {
      const page = await store.outbox.pending({ limit: pageSize, cursor });
      for (const entry of page.items) {
        if (!sharing.mine(entry) || outbox.has(entry)) continue;
        now.add(entry.id);
        if (before.has(entry.id)) outbox.post([entry]);
      }
      cursor = page.next ?? undefined;
      more = page.next !== null;
    }
    before = now;
  };
}

/** `own`: called with a bot that this hub made or changed. */
function tellingStore(store: Store, bus: Bus, own: (bot: Bot) => void): Store {
  const told = async <T>(work: Promise<T>, topic: 'bot' | 'channel', body: { appId: string; name?: string }) => {
    const done = await work;
    bus.tell(null, topic, body);
    return done;
  };
  const { bots, channels } = store;
  const telling: Pick<Store, 'bots' | 'channels'> = {
    bots: {
      create: async (bot, files) => {
        await told(bots.create(bot, files), 'bot', { appId: bot.appId });
        own(bot);
      },
      get: (appId) => bots.get(appId),
      list: (page) => bots.list(page),
      update: async (appId, change) => {
        const changed = await bots.update(appId, change);
        if (changed) own(changed);
        bus.tell(null, 'bot', { appId });
        return changed;
      },
      delete: (appId) => told(bots.delete(appId), 'bot', { appId }),
    },
    channels: {
      get: (appId, channel) => channels.get(appId, channel),
      list: (appId) => channels.list(appId),
      put: (record) => told(channels.put(record), 'channel', { appId: record.appId, name: record.channel }),
      remove: (appId, channel) => told(channels.remove(appId, channel), 'channel', { appId, name: channel }),
      health: (appId) => channels.health(appId),
      note: (appId, channel, change) => channels.note(appId, channel, change),
    },
  };
  const over = Object.fromEntries(Object.entries(telling).map(([name, value]) => [name, { value }]));
  return Object.create(store, over) as Store;
}
