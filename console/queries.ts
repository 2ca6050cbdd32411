/** What the pages ask the hub, each under one key. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { useApi } from './session';

export function useBots() {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ['bots'],
    queryFn: ({ pageParam }) => api.bots(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
}
export function useBot(appId: string) {
  const api = useApi();
  return useQuery({ queryKey: ['bot', appId], queryFn: () => api.bot(appId) });
}
export function useChannels(appId: string, enabled = true) {
  const api = useApi();
  return useQuery({ queryKey: ['channels', appId], queryFn: () => api.channels(appId), enabled });
}
export function useJobs(appId: string) {
  const api = useApi();
  return useQuery({ queryKey: ['jobs', appId], queryFn: () => api.jobs(appId) });
}
export function useModels(appId: string) {
  const api = useApi();
  return useQuery({ queryKey: ['models', appId], queryFn: () => api.models(appId) });
}
export function useWaiting() {
  const api = useApi();
  return useQuery({ queryKey: ['waiting'], queryFn: () => api.waiting() });
}
export function useTemplates() {
  const api = useApi();
  return useQuery({ queryKey: ['templates'], queryFn: () => api.templates(), staleTime: 60_000 });
}
/** The pairs for who only reads them; the page that edits them asks anew. */
export function useFaq(appId: string) {
  const api = useApi();
  return useQuery({ queryKey: ['topics', appId], queryFn: () => api.faq(appId), staleTime: 30_000 });
}
/** Topics by the name that the model has for them; people know them by their first question. */
export function useTopics(appId: string): ReadonlyMap<string, string> {
  const { data } = useFaq(appId);
  return useMemo(() => new Map(data?.pairs.map(({ id, Q }) => [`faq/${id}`, Q[0]?.q ?? id])), [data]);
}
