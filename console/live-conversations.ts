/** Conversations as they go on: into the lists and transcripts that are on the screen. */
import { type InfiniteData, type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useCallback, useRef } from 'react';

import type { Page } from '../src/client';
import type { ConversationWire, WaitingWire } from './api-conversations';

export type ConversationPages = InfiniteData<Page<ConversationWire>, string | null>;
type News = WaitingWire | { appId: string; id: string; gone: true };

/** Lists with filters are read anew at most so often: only the hub knows what fits. */
const readMs = 2000;

/** The list without filters: what changed goes to the top when somebody spoke, and stays in its place otherwise. */
function moved(pages: ConversationPages, news: News): ConversationPages {
  const before = pages.pages.flatMap(({ items }) => items).find(({ id }) => id === news.id);
  const fresh = 'gone' in news ? null : { ...before, ...news };
  const stays = before !== undefined && fresh?.lastAt === before.lastAt;
  const kept = pages.pages.map((page) => ({
    ...page,
    items: stays
      ? page.items.map((item) => (item.id === news.id ? fresh : item))
      : page.items.filter(({ id }) => id !== news.id),
  }));
  const [first] = kept;
  if (fresh && !stays && first) kept[0] = { ...first, items: [fresh, ...first.items] };
  return { ...pages, pages: kept };
}

function intoWaiting(queries: QueryClient, news: News): void {
  const known = queries.getQueryData<WaitingWire[]>(['waiting'])?.find((one) => one.id === news.id);
  const care = 'gone' in news ? undefined : news.care;
  const waits = care !== undefined && care.state !== 'bot';
  if (waits === (known !== undefined) && known?.care.state === care?.state && known?.care.agent === care?.agent) return;
  void queries.invalidateQueries({ queryKey: ['waiting'] });
}

/** Answers what is to be called with each `conversation` event. */
export function useConversationNews(): (news: News) => void {
  const queries = useQueryClient();
  const reading = useRef<ReturnType<typeof setTimeout> | null>(null);
  return useCallback(
    (news: News) => {
      intoWaiting(queries, news);
      void queries.invalidateQueries({ queryKey: ['transcript', news.appId, news.id] });
      queries.setQueriesData<ConversationPages>(
        { queryKey: ['conversations', news.appId, 'all'] },
        (pages) => pages && moved(pages, news),
      );
      reading.current ??= setTimeout(() => {
        reading.current = null;
        void queries.invalidateQueries({ queryKey: ['conversations', news.appId, 'filtered'] });
      }, readMs);
    },
    [queries],
  );
}
