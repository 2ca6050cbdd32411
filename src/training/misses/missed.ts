/** Which turns of a conversation the bot missed, by what the log has of them. Pure. */
import type { StoredMessage, Transcript } from '../../contracts.js';
import { folded } from '../content.js';

/** `fallback`: the bot said that it does not know. `unsure`: it answered, little sure. `disliked`: a thumb down followed. `again`: nearly the same was asked right after. */
export type MissReason = 'fallback' | 'unsure' | 'disliked' | 'again';
export interface Missed {
  messageId: string;
  conversation: string;
  text: string;
  reason: MissReason;
  at: string;
}

/** An answer less sure than this is a guess. */
const sure = 0.3;
/** Whoever asks again does it soon. */
const againMs = 5 * 60_000;
/** So much of the letters is the same. */
const alike = 0.5;
/** Shorter ones ("yes", "12") are answers, which people give twice. */
const fewestLetters = 8;
const longest = 1000;
const thumbDown = /^\s*(?:👎|:-1:|:thumbsdown:|\/thumbs_down\b)/u;

export function missedIn({ conversation, messages }: Transcript): Missed[] {
  return messages.flatMap((message, at) => {
    const reason = reasonOf(message, messages[at + 1]);
    if (reason === null) return [];
    const { id: messageId, text, receivedAt } = message;
    return [{ messageId, conversation, text: text.trim(), reason, at: receivedAt }];
  });
}

function reasonOf(message: StoredMessage, next: StoredMessage | undefined): MissReason | null {
  if (!isQuestion(message)) return null;
  const { intent, confidence, turn } = message;
  if (next && isThumbDown(next)) return 'disliked';
  if (intent === 'nlu_fallback' || turn?.actions?.includes('action_default_fallback')) return 'fallback';
  if (confidence !== null && confidence < sure) return 'unsure';
  return next && asksAgain(message, next) ? 'again' : null;
}

/** Something in words that the bot itself has answered. */
function isQuestion(message: StoredMessage): boolean {
  const { state, payload, turn, text } = message;
  const asked = state === 'answered' && !payload && turn?.agent === undefined;
  return asked && /[\p{L}\p{N}]/u.test(text) && text.length <= longest && !isThumbDown(message);
}

function isThumbDown({ text, intent }: StoredMessage): boolean {
  return thumbDown.test(text) || intent === 'thumbs_down';
}

function asksAgain(message: StoredMessage, next: StoredMessage): boolean {
  const soon = Date.parse(next.receivedAt) - Date.parse(message.receivedAt) <= againMs;
  const worded = folded(message.text).length >= fewestLetters;
  return soon && worded && isQuestion(next) && overlap(message.text, next.text) >= alike;
}

/** Share of the pairs of letters that two texts have in common. */
function overlap(one: string, other: string): number {
  const [a, b] = [pairsIn(one), pairsIn(other)];
  let both = 0;
  for (const pair of a) if (b.has(pair)) both += 1;
  return both / Math.max(1, a.size + b.size - both);
}

function pairsIn(text: string): Set<string> {
  const letters = Array.from(folded(text));
  return new Set(letters.map((letter, at) => letter + (letters[at + 1] ?? '')));
}
