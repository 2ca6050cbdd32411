/**
 * The web channel at other hubs of the same store: people who are connected there are told what is said here, and the other way round. What
 * is told may be lost; whoever spoke here and is not answered for a while is answered from the log.
 */
import type { BotMessage, Elsewhere, StoredMessage } from '../../src/contracts.js';
import type { UserEcho } from './protocol.js';

export interface Here {
  said(to: string, reply: BotMessage, part: number): void;
  typing(to: string, typing: boolean): void;
  echo(session: string, echo: UserEcho): void;
  /** The newest messages of the conversation of this address. */
  stored(to: string): Promise<StoredMessage[]>;
}
export interface Absence {
  said(to: string, reply: BotMessage, part: number): void;
  typing(to: string, typing: boolean): void;
  echo(session: string, echo: UserEcho): void;
  /** A message was said here, and waits for its answer. */
  waiting(to: string): void;
  /** A part of an answer was shown here. */
  shown(to: string, part: number): void;
  close(): void;
}

const lookMs = 3000;
/** Beyond this whoever waits asks again, or comes back. */
const looks = 20;

interface Waiting {
  shown: Set<number>;
  timer: NodeJS.Timeout;
}

/** Tells `here` what is told elsewhere, and of answers that were not told. */
export function createAbsence(elsewhere: Elsewhere, here: Here): Absence {
  const waiting = new Map<string, Waiting>();
  const drop = (to: string): void => {
    clearTimeout(waiting.get(to)?.timer);
    waiting.delete(to);
  };
  const look = async (to: string, left: number): Promise<void> => {
    const mine = waiting.get(to);
    if (!mine || mine.shown.size > 0 || left === 0) return void drop(to);
    const stored = await here.stored(to).catch((): StoredMessage[] => []);
    const message = stored.find(({ eventId }) => eventId === to);
    // It may have been closed, or shown, meanwhile.
    if (waiting.get(to) !== mine) return;
    if (message && message.state !== 'received') {
      for (const [part, reply] of message.replies.entries()) if (!mine.shown.has(part)) here.said(to, reply, part);
      return void drop(to);
    }
    mine.timer = setTimeout(() => void look(to, left - 1), lookMs);
  };
  elsewhere.listen((body) => {
    const to = String(body['to']);
    if (body['kind'] === 'said') here.said(to, body['reply'] as BotMessage, Number(body['part']));
    if (body['kind'] === 'typing') here.typing(to, body['typing'] === true);
    if (body['kind'] === 'echo') here.echo(to, body['echo'] as UserEcho);
  });
  return {
    said: (to, reply, part) => elsewhere.tell({ kind: 'said', to, reply, part }),
    typing: (to, typing) => elsewhere.tell({ kind: 'typing', to, typing }),
    echo: (to, echo) => elsewhere.tell({ kind: 'echo', to, echo }),
    waiting(to) {
      drop(to);
      waiting.set(to, { shown: new Set(), timer: setTimeout(() => void look(to, looks), lookMs) });
    },
    shown: (to, part) => void waiting.get(to)?.shown.add(part),
    close: () => [...waiting.keys()].forEach(drop),
  };
}
