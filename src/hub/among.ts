/** A channel of a bot among the hubs of a store: how it reaches itself at the others, and at which of them its line to the platform is kept. */
import type { Json, Leases } from '../contracts.js';
import type { Bus } from './bus.js';
import type { ConnectionsOptions, Place } from './connections.js';

const lookMs = 1000;

/** Whoever has the shard of a channel's name keeps its line, as if it were a conversation. */
export function createAmong({
  bus,
  leases,
}: {
  bus: Pick<Bus, 'tell' | 'on'>;
  leases: Pick<Leases, 'stateOf'>;
}): NonNullable<ConnectionsOptions['among']> {
  const ears = new Map<string, (body: Json) => void>();
  const keyOf = ({ appId, channel }: Place): string => `${appId} ${channel}`;
  bus.on('channel-news', ({ appId, channel, body }) => {
    ears.get(keyOf({ appId: String(appId), channel: String(channel) }))?.(body as Json);
  });
  return (place) => ({
    elsewhere: {
      tell: (body) => bus.tell(null, 'channel-news', { ...place, body }),
      listen: (listener) => void ears.set(keyOf(place), listener),
    },
    duty: {
      watch(change) {
        const at = { appId: place.appId, conversation: `line ${place.channel}` };
        let before: boolean | null = null;
        const look = (): void => {
          const mine = leases.stateOf(at) === 'own';
          if (mine !== before) change((before = mine));
        };
        look();
        const timer = setInterval(look, lookMs).unref();
        return () => clearInterval(timer);
      },
    },
  });
}
