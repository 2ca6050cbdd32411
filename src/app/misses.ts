/** Wires what people asked in vain: the log, the encoder, the training. */
import type { Hub, Training } from '../contracts.js';
import { createMisses, type Misses } from '../training/misses/misses.js';
import type { Parts } from './parts.js';

export function openMisses(parts: Parts, { hub, training }: { hub: Hub; training: Training }): Misses {
  const { store, vectors, life, log } = parts;
  const parse = async (appId: string, text: string) => (await hub.parse(appId, text)).parse;
  const misses = createMisses({ store, vectors, training, parse, log });
  life.onStop('misses', () => Promise.resolve(void misses.stop()));
  return misses;
}
