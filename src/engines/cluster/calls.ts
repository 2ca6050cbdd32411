/**
 * Lines to all hubs behind one name: replicas that share a name in the DNS (in Kubernetes a headless service) are each called, and so are
 * those that come later.
 */
import { lookup } from 'node:dns/promises';
import { type Dialer, type DialerOptions, startDialer } from './dialer.js';

export interface CallsOptions extends Omit<DialerOptions, 'address'> {
  /** The addresses of a host; the system's when absent. */
  resolve?: (host: string) => Promise<string[]>;
}

const lookMs = 5000;

/** Keeps a line to each of them until it is stopped. `first`: as a dialer's, but rejects only when none would have the node. */
export function startCalls({ resolve = addressesOf, ...options }: CallsOptions): Dialer {
  const dialers = new Map<string, Dialer>();
  const refused = new Set<Dialer>();
  let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
  const first = new Promise<void>((done, reject) => (settle = { resolve: done, reject }));
  first.catch(() => undefined);
  let stopped = false;

  const start = (address: string): void => {
    const dialer = startDialer({ ...options, address });
    dialers.set(address, dialer);
    dialer.first.then(settle?.resolve, (error: unknown) => {
      refused.add(dialer);
      if ([...dialers.values()].every((one) => refused.has(one))) settle?.reject(error as Error);
    });
  };
  const look = async (): Promise<void> => {
    const found = await resolve(new URL(options.url).hostname.replace(/^\[|\]$/g, '')).catch((error: unknown) => {
      if (dialers.size === 0) options.log.warn({ hub: options.url, err: error }, 'the name of the hub is not known');
      return [...dialers.keys()];
    });
    if (stopped) return;
    for (const address of found) if (!dialers.has(address)) start(address);
    for (const [address, dialer] of dialers) {
      if (found.includes(address)) continue;
      dialers.delete(address);
      void dialer.stop();
    }
  };
  let looking = look();
  const timer = setInterval(() => void (looking = looking.then(look)), lookMs).unref();
  return {
    first,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await looking;
      await Promise.all([...dialers.values()].map((dialer) => dialer.stop()));
    },
  };
}

const addressesOf = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);
