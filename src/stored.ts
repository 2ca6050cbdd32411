/** Work that must not be given up because the store is away: what it records has happened already. */
import { hubErrorOf } from './errors.js';

const firstPauseMs = 50;
const longestPauseMs = 1000;

/** Repeats `write` until the store takes it; answers as it does. Rejects when the write itself is wrong, or once `signal` has aborted. */
export async function untilStored<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
    try {
      return await write();
    } catch (error) {
      if (hubErrorOf(error).code !== 'store_unavailable' || signal.aborted) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
