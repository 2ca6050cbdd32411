/** What survives a reload: the session, for all tabs, and what this tab has not sent yet. A browser that forbids storage forgets both. */

export interface Outgoing {
  id: string;
  /** What the hub gets. */
  text: string;
  /** What the person sees: the title, where a button was pressed. */
  shown: string;
  payload: boolean;
  time: string;
}
export interface Memory {
  session: string | undefined;
  outbox: Outgoing[];
}

function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

const isOutgoing = (value: unknown): value is Outgoing =>
  typeof value === 'object' &&
  value !== null &&
  ['id', 'text', 'shown', 'time'].every((key) => typeof (value as Record<string, unknown>)[key] === 'string');

function parsed(text: string | null): Outgoing[] {
  const value: unknown = attempt(() => JSON.parse(text ?? '[]') as unknown, []);
  return Array.isArray(value) ? value.filter(isOutgoing) : [];
}

/** The memory of one bot on one hub. Reads and writes never throw. */
export function openMemory(hub: string, appId: string): Memory {
  const key = `switchboard:${hub}:${appId}`;
  let session = attempt(() => localStorage.getItem(key) ?? undefined, undefined);
  let outbox = parsed(attempt(() => sessionStorage.getItem(key), null));
  return {
    get session() {
      return session;
    },
    set session(id) {
      session = id;
      attempt(() => localStorage.setItem(key, id ?? ''), undefined);
    },
    get outbox() {
      return outbox;
    },
    set outbox(items) {
      outbox = items;
      attempt(() => sessionStorage.setItem(key, JSON.stringify(items)), undefined);
    },
  };
}
