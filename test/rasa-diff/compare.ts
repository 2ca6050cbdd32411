/** What two answers to one request have to share. */
import { differences } from '../support/differences.js';
import type { Answer } from './sides.js';

/** Moments, ids drawn at random, and the names by which each calls its model and its bot. */
const ownOfEach = ['timestamp', 'latest_event_time', 'message_id', 'responseId', 'assistant_id', 'model_file'];
/** Marks that the hub leaves in a message's metadata. */
const marks = ['switchboard_event'];

/** Words in which no two processes agree: places in memory and temporary folders. */
const tidied = (text: string): string => text.replace(/0x[0-9a-f]+/g, '0x').replace(/\/tmp\/[\w./-]+/g, '/tmp/');

function comparable(value: unknown): unknown {
  if (typeof value === 'string') return tidied(value);
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, comparable(inner)]));
}

/** One line for each difference. */
export function differing(mine: Answer, theirs: Answer): string[] {
  const [ours, rasas] = [comparable({ ...mine }), comparable({ ...theirs })];
  return differences(ours, rasas, [...ownOfEach, ...marks]);
}
