/** What platforms post, before anything reads into it. */
import type { Json } from '../../src/contracts.js';

/** The JSON object that a text is; null for anything else. */
export function jsonObjectIn(text: string): Json | null {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}
