/** The sentence encoder's vectors of texts, kept as long as there is room: what is encoded once is compared for nothing from then on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HubError } from '../errors.js';

/** A quarter of the memory that the encoder's own numbers take, with cosines the same to 0.01. */
export interface Vector {
  readonly values: Int8Array;
  readonly norm: number;
  /** The sign of each dimension, a bit each: far vectors are told apart by them much sooner. */
  readonly signs: Int32Array;
}
export interface Vectors {
  /** In the order of the texts; null where this machine has no encoder. `gently`: with pauses, for what nobody waits for. Aborts with the signal's reason. */
  of(texts: readonly string[], options?: { gently?: boolean; signal?: AbortSignal }): Promise<Vector[] | null>;
  /** What is there already. */
  known(text: string): Vector | undefined;
}
export interface VectorsOptions {
  /** Encodes a few texts. Rejects with `wake_failed` where there is no encoder. Null: there is none. */
  encode: ((texts: string[]) => Promise<{ encoder: string; vectors: Float32Array[] }>) | null;
  /** How many are kept; about 800 bytes each. */
  most?: number;
}

/** Whoever forks a bot waits behind one of these for a tenth of a second at most. */
const atOnce = 16;
const defaultMost = 40_000;

export function createVectors({ encode, most = defaultMost }: VectorsOptions): Vectors {
  const kept = new Map<string, Vector>();
  let of = '';
  const keep = (text: string, vector: Vector): void => {
    kept.delete(text);
    kept.set(text, vector);
    const [oldest] = kept.keys();
    if (kept.size > most && oldest !== undefined) kept.delete(oldest);
  };
  const encodeAll = async (texts: string[], gently: boolean, signal?: AbortSignal): Promise<Map<string, Vector>> => {
    const fresh = new Map<string, Vector>();
    for (let at = 0; at < texts.length; at += atOnce) {
      signal?.throwIfAborted();
      const started = Date.now();
      const piece = texts.slice(at, at + atOnce);
      const { encoder, vectors } = await (encode as NonNullable<typeof encode>)(piece);
      // Another encoder's vectors say nothing beside these.
      if (encoder !== of) kept.clear();
      of = encoder;
      for (const [place, text] of piece.entries()) fresh.set(text, vectorOf(vectors[place] ?? new Float32Array()));
      for (const text of piece) keep(text, fresh.get(text) as Vector);
      if (gently) await sleep(Date.now() - started, undefined, signal && { signal });
    }
    return fresh;
  };
  return {
    known: (text) => kept.get(text),
    async of(texts, { gently = false, signal } = {}) {
      if (!encode) return null;
      const before = new Map(texts.map((text) => [text, kept.get(text)]));
      const missing = [...before].flatMap(([text, vector]) => (vector ? [] : [text]));
      try {
        const fresh = await encodeAll(missing, gently, signal);
        for (const text of before.keys()) if (!fresh.has(text)) keep(text, before.get(text) as Vector);
        return texts.map((text) => (fresh.get(text) ?? before.get(text)) as Vector);
      } catch (error) {
        if (error instanceof HubError && error.code === 'wake_failed') return null;
        throw error;
      }
    },
  };
}

function vectorOf(floats: Float32Array): Vector {
  let top = 0;
  for (const value of floats) top = Math.max(top, Math.abs(value));
  const values = Int8Array.from(floats, (value) => Math.round((value / (top || 1)) * 127));
  const signs = new Int32Array(Math.ceil(values.length / 32));
  for (const [at, value] of values.entries()) if (value > 0) signs[at >> 5] = (signs[at >> 5] ?? 0) | (1 << (at & 31));
  return { values, norm: Math.sqrt(dot(values, values)) || 1, signs };
}

/** How many dimensions of two vectors differ in their sign. */
export function apart(one: Vector, other: Vector): number {
  let sum = 0;
  for (let at = 0; at < one.signs.length; at += 1) {
    let bits = (one.signs[at] as number) ^ (other.signs[at] as number);
    bits -= (bits >>> 1) & 0x55555555;
    bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
    sum += (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
  }
  return sum;
}

function dot(one: Int8Array, other: Int8Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += (one[at] as number) * (other[at] as number);
  return sum;
}

/** How alike two texts are in what they mean, -1..1. */
export const cosine = (one: Vector, other: Vector): number => dot(one.values, other.values) / (one.norm * other.norm);

/** Of `many`, the most alike; null of none. */
export function nearestOf(one: Vector, many: readonly Vector[]): { at: number; similarity: number } | null {
  let best: { at: number; similarity: number } | null = null;
  for (const [at, other] of many.entries()) {
    const similarity = cosine(one, other);
    if (!best || similarity > best.similarity) best = { at, similarity };
  }
  return best;
}
