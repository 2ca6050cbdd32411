/** Counting turns: what a day was like at a bot, by channel and version. Pure. */
import type { TurnRecord } from '../../contracts.js';

/** What is counted of the turns of one channel that one model answered. */
export interface Cell {
  channel: string;
  /** Empty where nobody knows, and for engines without models. */
  version: string;
  messages: number;
  answered: number;
  failed: number;
  /** The bot said that it does not know. */
  fallback: number;
  /** The bot called for a person. */
  handovers: number;
  /** Said while a colleague held the conversation. */
  held: number;
  /** Of answered turns: all their milliseconds, and how many took at most `limits[n]`. */
  ms: number;
  took: number[];
  intents: Record<string, number>;
}
export interface Day {
  day: string;
  /** Different conversations, by channel. */
  people: Record<string, number>;
  cells: Cell[];
}
/** A day that goes on. */
export interface OpenDay {
  people: Map<string, Set<string>>;
  cells: Map<string, Cell>;
}

/** Milliseconds within which turns are answered; the last is for all slower ones. */
export const limits = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, Infinity];
/** Different intents that are counted in a cell; later ones count as others. */
const mostIntents = 200;
const others = '(others)';

export const openDay = (): OpenDay => ({ people: new Map(), cells: new Map() });

const cellOf = (channel: string, version: string): Cell => ({
  ...{ channel, version, messages: 0, answered: 0, failed: 0, fallback: 0, handovers: 0, held: 0, ms: 0 },
  took: limits.map(() => 0),
  intents: {},
});

export function count(day: OpenDay, turn: TurnRecord): void {
  const { channel, conversation, state, intent, ms, model, agent, calls } = turn;
  const version = model ?? '';
  const people = day.people.get(channel) ?? new Set<string>();
  day.people.set(channel, people.add(conversation));
  const key = JSON.stringify([channel, version]);
  const cell = day.cells.get(key) ?? cellOf(channel, version);
  day.cells.set(key, cell);
  cell.messages += 1;
  if (state === 'failed') cell.failed += 1;
  if (agent !== null) cell.held += 1;
  else if (state === 'answered') countAnswer(cell, { intent, ms });
  if (calls) cell.handovers += 1;
}

function countAnswer(cell: Cell, { intent, ms }: Pick<TurnRecord, 'intent' | 'ms'>): void {
  cell.answered += 1;
  cell.ms += ms ?? 0;
  const place = limits.findIndex((limit) => (ms ?? 0) <= limit);
  cell.took[place] = (cell.took[place] ?? 0) + 1;
  if (intent === 'nlu_fallback') cell.fallback += 1;
  if (intent === null) return;
  const known = Object.hasOwn(cell.intents, intent) || Object.keys(cell.intents).length < mostIntents;
  const name = known ? intent : others;
  cell.intents[name] = (cell.intents[name] ?? 0) + 1;
}

export const closed = (day: string, { people, cells }: OpenDay): Day => ({
  day,
  people: Object.fromEntries([...people].map(([channel, set]) => [channel, set.size])),
  cells: [...cells.values()],
});

/** What is shown of some cells together. */
export interface Figures extends Pick<Cell, 'messages' | 'answered' | 'failed' | 'fallback' | 'handovers' | 'held'> {
  /** Share of the answers that were none, 0..1; null without answers. */
  fallbackRate: number | null;
  /** Milliseconds: the mean, and within which half and 95 of 100 were answered, to the next of `limits`. */
  ms: { mean: number | null; p50: number | null; p95: number | null };
}

export function figuresOf(cells: readonly Cell[]): Figures {
  const sum = (name: 'messages' | 'answered' | 'failed' | 'fallback' | 'handovers' | 'held' | 'ms'): number =>
    cells.reduce((total, cell) => total + cell[name], 0);
  const answered = sum('answered');
  const took = limits.map((_, at) => cells.reduce((total, cell) => total + (cell.took[at] ?? 0), 0));
  return {
    ...{ messages: sum('messages'), answered, failed: sum('failed'), fallback: sum('fallback') },
    ...{ handovers: sum('handovers'), held: sum('held') },
    fallbackRate: answered === 0 ? null : sum('fallback') / answered,
    ms: { mean: answered === 0 ? null : sum('ms') / answered, p50: within(took, 0.5), p95: within(took, 0.95) },
  };
}

/** Within how many milliseconds this share was answered; null without answers, and where it is slower than the limits tell. */
function within(took: readonly number[], share: number): number | null {
  const total = took.reduce((sum, one) => sum + one, 0);
  let sofar = 0;
  for (const [at, one] of took.entries()) {
    sofar += one;
    if (total > 0 && sofar >= share * total) return Number.isFinite(limits[at]) ? (limits[at] ?? null) : null;
  }
  return null;
}
