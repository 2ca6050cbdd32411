/** Tells of conversations that change, whoever changes them. Listeners hear what happens in this hub; whoever missed something reads the log. */
import type { At, ConversationNews, NewsListener } from '../contracts.js';

export interface News extends ConversationNews {
  /** Tells all of them. */
  tell: NewsListener;
}

/** Nobody listens yet. */
export function createNews(): News {
  const listeners = new Set<NewsListener>();
  return {
    watch(listener) {
      const own: NewsListener = (at, kind) => listener(at, kind);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    tell({ appId, conversation }: At, kind) {
      for (const listener of listeners) listener({ appId, conversation }, kind);
    },
  };
}
