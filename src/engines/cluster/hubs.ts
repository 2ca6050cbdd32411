/**
 * What a node needs of its hubs: bots, models, their files and conversations. The hubs of one installation share a store, so any of them will
 * do; whoever asks while none is there waits a little, and is then told.
 */
import type { Bot, Json, Model, TrackerStore } from '../../contracts.js';
import { within } from '../../deadline.js';
import { HubError } from '../../errors.js';
import type { Message, Peer } from './peer.js';

export interface Hubs {
  add(peer: Peer): void;
  bot(appId: string): Promise<Bot | null>;
  model(appId: string, modelId: string): Promise<Model | null>;
  /** The file, piece by piece. Rejects with `model_missing` when the hub has it no more. */
  file(model: Pick<Model, 'appId' | 'id'>, digest: string): AsyncIterable<Buffer>;
  readonly trackers: TrackerStore;
}
/** A hub that restarts is back by then, or its replica has taken over. */
const waitMs = 5000;

export function createHubs(): Hubs {
  const peers = new Set<Peer>();
  const waiting: (() => void)[] = [];
  const someHub = async (): Promise<Peer> => {
    for (const peer of peers) if (peer.open) return peer;
    await within(new Promise<void>((resolve) => void waiting.push(resolve)), waitMs);
    for (const peer of peers) if (peer.open) return peer;
    throw new HubError('store_unavailable', 'No hub can be reached from this node.');
  };
  const ask = async <T>(name: string, value: Json): Promise<T> => (await request(name, value)).value as T;
  const request = async (name: string, value: Json): Promise<Required<Message>> => {
    for (;;) {
      const peer = await someHub();
      try {
        return await peer.call(name, { value });
      } catch (error) {
        // An append that was done all the same is refused when it is done again: whoever asked looks into the tracker then.
        if (!(error instanceof HubError && error.code === 'node_lost')) throw error;
      }
    }
  };
  return {
    add(peer) {
      peers.add(peer);
      void peer.closed.then(() => peers.delete(peer));
      for (const go of waiting.splice(0)) go();
    },
    bot: (appId) => ask('bot', { appId }),
    model: (appId, modelId) => ask('model', { appId, modelId }),
    async *file({ appId, id: modelId }, digest) {
      for (let offset = 0, total = Infinity; offset < total;) {
        const { value, bytes } = await request('file', { appId, modelId, digest, offset });
        total = (value as { total: number }).total;
        offset += bytes.length;
        if (bytes.length === 0 && offset < total) throw new HubError('model_missing', 'The file ended too soon.');
        yield bytes;
      }
    },
    trackers: {
      read: (appId, sender, all) => ask('trackers.read', { appId, sender, all }),
      append: (appId, sender, from, events) => ask('trackers.append', { appId, sender, from, events }),
      extend: (appId, sender, events) => ask('trackers.extend', { appId, sender, events }),
      replace: (appId, sender, events) => ask('trackers.replace', { appId, sender, events }),
      senders: (appId) => ask('trackers.senders', { appId }),
    },
  };
}
