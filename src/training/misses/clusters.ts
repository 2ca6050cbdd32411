/**
 * Texts that ask the same, found together: average linkage over how alike they are in meaning and, a little, in letters. Pure.
 *
 * The vectors are taken from the middle of what is asked at this bot: people at one bot speak of one subject, which makes all their questions alike.
 * On 30 topics out of the 1,000 of bench/answers/data/city-1000.json, six texts each, that finds 29 (uncentred 10 to 17, letters left out 24 to 29).
 */
import type { Vector } from '../vectors.js';
import { folded } from '../content.js';

export interface Clustering {
  texts: string[];
  /** How often each was asked. */
  times: number[];
  /** Of the texts; null: by their letters alone. */
  vectors: Vector[] | null;
  /** What else is asked at this bot, so that a handful of texts about one thing are not each taken for something else. */
  beside: Vector[];
}

/** Weight of the letters beside the meaning. */
const lettersWeight = 0.3;
/** Two groups are one when their texts are so alike on average. */
const together = 0.22;
/** Texts whose vectors are so near are alike, wherever the middle is. */
const plainly = 0.45;
/** Without vectors, letters alone have to do. */
const lettersAlone = 0.2;
/** So many texts tell the middle by themselves; where there are fewer, what else is asked here helps. */
const enough = 60;

/** Groups of places in `texts`, the largest first; in each the text that is most like the others comes first. */
export function clustersOf({ texts, times, vectors, beside }: Clustering): number[][] {
  const size = texts.length;
  const alike = likeness(texts, vectors && { vectors, beside });
  const groups = linked(Float32Array.from(alike), size, vectors ? together : lettersAlone);
  const central = (group: number[], at: number): number =>
    group.reduce((sum, other) => sum + (times[other] ?? 1) * (at === other ? 1 : (alike[at * size + other] ?? 0)), 0);
  return groups
    .map((group) => group.toSorted((one, other) => central(group, other) - central(group, one) || one - other))
    .sort((one, other) => other.length - one.length);
}

/** A square of similarities, row by row. */
function likeness(texts: string[], by: { vectors: Vector[]; beside: Vector[] } | null): Float32Array {
  const size = texts.length;
  const letters = lettersOf(texts);
  const middle = by && middleOf([...by.vectors, ...by.beside.slice(0, Math.max(0, enough - size))]);
  const meant = by?.vectors.map((vector) => unitFrom(vector, middle ?? new Float32Array()));
  const square = new Float32Array(size * size);
  const mark = new Float64Array(letters.count);
  for (let one = 0; one < size; one += 1) {
    const own = letters.rows[one] ?? [];
    for (const [piece, weight] of own) mark[piece] = weight;
    for (let other = one + 1; other < size; other += 1) {
      const spelled = (letters.rows[other] ?? []).reduce(
        (sum, [piece, weight]) => sum + weight * (mark[piece] ?? 0),
        0,
      );
      const value = meant && by ? mixed({ meant, by, one, other }, spelled) : spelled;
      square[one * size + other] = value;
      square[other * size + one] = value;
    }
    for (const [piece] of own) mark[piece] = 0;
  }
  return square;
}

interface Compared {
  meant: Float32Array[];
  by: { vectors: Vector[] };
  one: number;
  other: number;
}
function mixed({ meant, by, one, other }: Compared, spelled: number): number {
  const centred = product(meant[one] as Float32Array, meant[other] as Float32Array);
  const [a, b] = [by.vectors[one] as Vector, by.vectors[other] as Vector];
  const plain = product(a.values, b.values) / (a.norm * b.norm);
  return Math.max((centred + lettersWeight * spelled) / (1 + lettersWeight), plain - plainly);
}

function product(one: Float32Array | Int8Array, other: Float32Array | Int8Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += (one[at] as number) * (other[at] as number);
  return sum;
}

function middleOf(vectors: Vector[]): Float32Array {
  const middle = new Float32Array(vectors[0]?.values.length ?? 0);
  for (const { values, norm } of vectors)
    for (const [at, value] of values.entries()) middle[at] = (middle[at] ?? 0) + value / norm / vectors.length;
  return middle;
}

function unitFrom({ values, norm }: Vector, middle: Float32Array): Float32Array {
  const moved = Float32Array.from(values, (value, at) => value / norm - (middle[at] ?? 0));
  const length = Math.sqrt(product(moved, moved)) || 1;
  return moved.map((value) => value / length);
}

type Row = [piece: number, weight: number][];

/** Pieces of words, rare ones weighing more; each row has the length 1. */
function lettersOf(texts: string[]): { rows: Row[]; count: number } {
  const ids = new Map<string, number>();
  const held: number[] = [];
  const pieces = texts.map((text) => {
    const own = [...new Set(piecesOf(text))].map((piece) => {
      const id = ids.get(piece) ?? ids.size;
      ids.set(piece, id);
      return id;
    });
    for (const id of own) held[id] = (held[id] ?? 0) + 1;
    return own;
  });
  const rows = pieces.map((own): Row => {
    const weights = own.map((id) => Math.log(1 + texts.length / (held[id] ?? 1)));
    const length = Math.hypot(...weights) || 1;
    return own.map((id, at) => [id, (weights[at] ?? 0) / length]);
  });
  return { rows, count: ids.size };
}

const wordless = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
/** Fours of letters within words; pairs where a script parts no words. */
function piecesOf(text: string): string[] {
  const whole = wordless.test(text);
  const words = whole
    ? [folded(text)]
    : (text
        .normalize('NFKC')
        .toLowerCase()
        .match(/[\p{L}\p{N}]+/gu) ?? []);
  const length = whole ? 2 : 4;
  return words.flatMap((word) => {
    const letters = Array.from(`^${word}$`);
    const count = Math.max(1, letters.length - length + 1);
    return Array.from({ length: count }, (_, at) => letters.slice(at, at + length).join(''));
  });
}

/**
 * Average linkage by chains of nearest neighbours: what two groups are to each other never grows when others join, so a group whose best
 * neighbour is too far is done. `square` is used up.
 */
function linked(square: Float32Array, size: number, threshold: number): number[][] {
  const members = new Map<number, number[]>(Array.from({ length: size }, (_, at) => [at, [at]]));
  const done: number[][] = [];
  const chain: number[] = [];
  while (members.size > 0) {
    const top = chain.at(-1) ?? firstOf(members);
    if (chain.length === 0) chain.push(top);
    const nearest = nearestTo(top, { square, size, members: members.keys(), before: chain.at(-2) });
    if (nearest === null || nearest.value < threshold) {
      done.push(members.get(top) ?? []);
      members.delete(top);
      // Those before it in the chain had it for their nearest; they look again.
      chain.length = 0;
    } else if (nearest.at === chain.at(-2)) {
      chain.length -= 2;
      join(square, { size, members, from: top, into: nearest.at });
    } else chain.push(nearest.at);
  }
  return done;
}

const firstOf = (members: Map<number, unknown>): number => members.keys().next().value ?? 0;

interface Search {
  square: Float32Array;
  size: number;
  members: Iterable<number>;
  /** Of several that are as near, the one before in the chain: else it would never end. */
  before: number | undefined;
}
function nearestTo(top: number, { square, size, members, before }: Search): { at: number; value: number } | null {
  let best = before === undefined ? null : { at: before, value: square[top * size + before] ?? 0 };
  for (const at of members) {
    const value = square[top * size + at] ?? 0;
    if (at !== top && (best === null || value > best.value)) best = { at, value };
  }
  return best;
}

interface Joining {
  size: number;
  members: Map<number, number[]>;
  from: number;
  into: number;
}
function join(square: Float32Array, { size, members, from, into }: Joining): void {
  const [gone, stays] = [members.get(from) ?? [], members.get(into) ?? []];
  const share = gone.length / (gone.length + stays.length);
  members.delete(from);
  members.set(into, [...stays, ...gone]);
  for (const at of members.keys()) {
    const value = (1 - share) * (square[into * size + at] ?? 0) + share * (square[from * size + at] ?? 0);
    square[into * size + at] = value;
    square[at * size + into] = value;
  }
}
