/** The five counters of Jepsen's total-queue checker, from the platforms' and the bot's journals alone. */
import type { JournalEvent, JournalReply } from './platform.js';

export interface Counts {
  /** Events that were acknowledged. */
  acked: number;
  ok: number;
  /** Acknowledged, and never answered. */
  lost: number;
  /** Answers beyond the first. */
  duplicated: number;
  /** Answers to nothing that was asked there. */
  unexpected: number;
  /** Answers that came before the answer to an event which was acknowledged before theirs was even sent. */
  outOfOrder: number;
  /** Events for which the bot took more than one turn. */
  turnsTwice: number;
  /** Sentences of the hub's own: apologies. */
  notices: number;
}
export interface Journals {
  events: JournalEvent[];
  replies: JournalReply[];
  turns: ReadonlyMap<string, number>;
}

const echo = /^echo ([\s\S]*)$/;
const keyOf = (platform: string, chat: string, text: string): string => `${platform} ${chat} ${text}`;

/** `answers`: how a reply's text names the event it answers; by default the bot's `echo …`. Null: a sentence of the hub's own. */
export function check(
  { events, replies, turns }: Journals,
  answers: (reply: JournalReply) => string | null = ({ text }) => echo.exec(text)?.[1] ?? null,
): Counts {
  const asked = new Map(events.map((event) => [keyOf(event.platform, event.chat, event.text), event]));
  const first = new Map<JournalEvent, number>();
  const counts = { duplicated: 0, unexpected: 0, notices: 0 };
  for (const reply of replies) {
    const text = answers(reply);
    const event = text === null ? undefined : asked.get(keyOf(reply.platform, reply.chat, text));
    if (text === null) counts.notices += 1;
    else if (!event) counts.unexpected += 1;
    else if (first.has(event)) counts.duplicated += 1;
    else first.set(event, reply.at);
  }
  const acked = events.filter((event) => event.ackedAt !== null);
  const ok = acked.filter((event) => first.has(event)).length;
  return {
    acked: acked.length,
    ok,
    lost: acked.length - ok,
    ...counts,
    outOfOrder: outOfOrder(acked, first),
    turnsTwice: [...turns.values()].filter((count) => count > 1).length,
  };
}

/** Pairs in the wrong order: only what was acknowledged before the other was posted has a claim to be answered first. */
function outOfOrder(acked: JournalEvent[], first: ReadonlyMap<JournalEvent, number>): number {
  const chats = new Map<string, JournalEvent[]>();
  for (const event of acked.filter((one) => first.has(one))) {
    const key = `${event.platform} ${event.appId} ${event.chat}`;
    chats.set(key, [...(chats.get(key) ?? []), event]);
  }
  let wrong = 0;
  for (const events of chats.values()) {
    for (const later of events) {
      const overtaken = events.some(
        (earlier) =>
          (earlier.ackedAt ?? Infinity) < later.postedAt && (first.get(earlier) ?? 0) > (first.get(later) ?? 0),
      );
      if (overtaken) wrong += 1;
    }
  }
  return wrong;
}
