/** What was typed into a bot's files and is not saved yet: it stays while one looks elsewhere in the console. */
import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';

type Drafts = Readonly<Record<string, string>>;
const none: Drafts = {};

export function useDrafts(appId: string) {
  const queries = useQueryClient();
  const queryKey = ['drafts', appId];
  const { data: drafts = none } = useQuery<Drafts>({ queryKey, queryFn: skipToken, gcTime: Infinity });
  /** `text` null: the file is as it is stored. */
  const keep = (path: string, text: string | null): void =>
    void queries.setQueryData<Drafts>(queryKey, (before = none) => {
      const { [path]: _old, ...others } = before;
      return text === null ? others : { ...others, [path]: text };
    });
  return { drafts, keep };
}

/** Who closes the tab is asked first. */
export function useAskBeforeLosing(drafts: Drafts): void {
  const some = Object.keys(drafts).length > 0;
  useEffect(() => {
    if (!some) return;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [some]);
}
