/** Several that come up apart and switch together: all of them, or none. Those that are lost meanwhile are not waited for. */
import type { Model } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Member } from './member.js';

interface Barrier {
  /** Called by each when it is ready; resolves when all are and `live` has run, rejects when it must not switch. */
  arrive(): Promise<void>;
  /** One is lost: the others go on. */
  leave(): void;
  /** One can't: nobody switches. */
  fail(error: unknown): void;
  /** `live` has run. */
  readonly crossed: boolean;
}

function createBarrier(count: number, live: () => Promise<void>): Barrier {
  let missing = count;
  let arrived = 0;
  let crossed = false;
  let begun = false;
  let open: () => void = () => undefined;
  let refuse: (error: unknown) => void = () => undefined;
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    refuse = reject;
  });
  // Whoever arrived hears of it.
  opened.catch(() => undefined);
  const look = (): void => {
    if (missing > 0 || arrived === 0 || begun) return;
    begun = true;
    live().then(() => {
      crossed = true;
      open();
    }, refuse);
  };
  return {
    arrive() {
      arrived += 1;
      missing -= 1;
      look();
      return opened;
    },
    leave() {
      missing -= 1;
      look();
    },
    fail(error) {
      begun = true;
      refuse(error);
    },
    get crossed() {
      return crossed;
    },
  };
}

export const isLost = (error: unknown): boolean => error instanceof HubError && error.code === 'node_lost';
export function ignoreLost(error: unknown): void {
  if (!isLost(error)) throw error;
}

interface Switch {
  appId: string;
  model: Model;
  live: () => Promise<void>;
}

/**
 * Switches the bot at all of these members, `live` running once between; false when all of them were lost. Rejects when one can't: then
 * none has switched. No other hub switches it there meanwhile.
 */
export async function switchAll(on: readonly Member[], { appId, model, live }: Switch): Promise<boolean> {
  const held: (() => void)[] = [];
  try {
    await holdAll(on, appId, held);
    return await switchTogether(on, { appId, model, live });
  } finally {
    for (const release of held) release();
  }
}

/** Takes hold of the bot in the one order that all hubs have: in orders of their own, two would wait for each other. */
async function holdAll(on: readonly Member[], appId: string, held: (() => void)[]): Promise<void> {
  for (const member of [...on].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    // Whoever is lost here is lost to the switch as well, which tells it.
    const release = await member.hold?.(appId).catch(ignoreLost);
    if (release) held.push(release);
  }
}

async function switchTogether(on: readonly Member[], { appId, model, live }: Switch): Promise<boolean> {
  const barrier = createBarrier(on.length, live);
  const grave: unknown[] = [];
  const one = async (member: Member): Promise<void> => {
    try {
      await member.engines.swap(appId, model, () => barrier.arrive());
    } catch (error) {
      if (isLost(error)) barrier.leave();
      else {
        grave.push(error);
        barrier.fail(error);
      }
    }
  };
  await Promise.all(on.map(one));
  if (!barrier.crossed && grave.length > 0) throw grave[0];
  return barrier.crossed;
}
