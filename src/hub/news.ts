/** Tells of conversations that change, whoever changes them, in this hub or another of the store. Whoever missed something reads the log. */
import type { ConversationNews, NewsKind, NewsListener } from '../contracts.js';
import type { Bus } from './bus.js';

export interface News extends ConversationNews {
  /** Tells all of them, and other hubs. */
  tell: NewsListener;
}

const kinds: readonly string[] = ['said', 'care', 'gone'] satisfies NewsKind[];

/** Nobody listens yet. `bus`: the way to other hubs; absent: there are none. */
export function createNews(bus?: Pick<Bus, 'tell' | 'on'>): News {
  const listeners = new Set<NewsListener>();
  const spread: NewsListener = (at, kind) => {
    for (const listener of listeners) listener(at, kind);
  };
  bus?.on('news', ({ appId, conversation, kind }) => {
    if (kinds.includes(String(kind)))
      spread({ appId: String(appId), conversation: String(conversation) }, kind as NewsKind);
  });
  return {
    watch(listener) {
      const own: NewsListener = (at, kind) => listener(at, kind);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    tell(at, kind) {
      const { appId, conversation } = at;
      spread({ appId, conversation }, kind);
      bus?.tell(null, 'news', { appId, conversation, kind });
    },
  };
}
