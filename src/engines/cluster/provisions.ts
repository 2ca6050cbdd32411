/** What a hub gives its nodes: bots, models, their files and conversations, of those bots alone that the node may serve. */
import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { ModelShelf, Store } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Handler } from './peer.js';

export interface ProvisionsOptions {
  store: Pick<Store, 'bots' | 'models' | 'trackers'>;
  shelf: Pick<ModelShelf, 'fetch'>;
}
/** Small enough that turns need not wait long behind a piece. */
const pieceBytes = 1 << 20;

const On = z.object({ appId: z.string() });
const OnModel = On.extend({ modelId: z.string() });
const OnFile = OnModel.extend({ digest: z.string(), offset: z.number().int().nonnegative() });
const OnSender = On.extend({ sender: z.string() });
const Events = z.array(z.record(z.string(), z.unknown()));

/** `serves`: is it a bot of this node? All others are not there for it. `handedOver`: digests of models that the hub itself named to it. */
export function createProvisions(
  { store, shelf }: ProvisionsOptions,
  node: { serves: (appId: string) => boolean; handedOver: ReadonlySet<string> },
): Readonly<Record<string, Handler>> {
  const on = <S extends typeof On>(schema: S, work: (asked: z.infer<S>) => ReturnType<Handler>): Handler => {
    return async (value) => {
      const read = schema.safeParse(value);
      if (!read.success) throw new HubError('invalid', 'The node asked in a way that this hub does not understand.');
      if (!node.serves(read.data.appId)) throw new HubError('not_found', `There is no bot ${read.data.appId}.`);
      return work(read.data);
    };
  };
  const { trackers } = store;
  return {
    bot: on(On, async ({ appId }) => {
      const bot = await store.bots.get(appId);
      // Its secret is the hub's, which calls such servers itself.
      return { value: bot && { ...bot, remoteAuth: null } };
    }),
    model: on(OnModel, async ({ appId, modelId }) => ({ value: await store.models.get(appId, modelId) })),
    file: on(OnFile, async ({ appId, modelId, digest, offset }) => {
      const model = node.handedOver.has(digest) ? null : await store.models.get(appId, modelId);
      if (model && model.archive !== digest && model.content !== digest)
        throw new HubError('model_missing', 'That file belongs to no model of this bot.');
      if (!model && !node.handedOver.has(digest))
        throw new HubError('model_missing', 'There is no such model; train the bot again.');
      return pieceOf(await shelf.fetch(digest), offset);
    }),
    'trackers.read': on(OnSender.extend({ all: z.boolean() }), async ({ appId, sender, all }) => ({
      value: await trackers.read(appId, sender, all),
    })),
    'trackers.append': on(OnSender.extend({ from: z.number(), events: Events }), async (asked) => ({
      value: await trackers.append(asked.appId, asked.sender, asked.from, asked.events),
    })),
    'trackers.extend': on(OnSender.extend({ events: Events }), ({ appId, sender, events }) =>
      trackers.extend(appId, sender, events),
    ),
    'trackers.replace': on(OnSender.extend({ events: Events }), ({ appId, sender, events }) =>
      trackers.replace(appId, sender, events),
    ),
    'trackers.senders': on(On, async ({ appId }) => ({ value: await trackers.senders(appId) })),
  };
}

async function pieceOf(path: string, offset: number): Promise<{ value: { total: number }; bytes: Buffer }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.max(0, Math.min(pieceBytes, size - offset)));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
    return { value: { total: size }, bytes: bytes.subarray(0, bytesRead) };
  } finally {
    await file.close();
  }
}
