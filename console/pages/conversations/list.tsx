/** A bot's conversations, newest first, of which only those on the screen are drawn; the next page is fetched when its end comes near. */
import { Badge, Button, Group, Loader, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, memo, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { ConversationFilter, ConversationWire } from '../../api-conversations';
import { channelName, Dot, When } from '../../parts/facts';
import { Empty, Loading, Problem } from '../../parts/said';
import { useApi } from '../../session';

const rowHeight = 76;
/** A search that looks long and finds nothing is asked no further by itself. */
const mostEmpty = 40;

export const careColors = { bot: 'gray', waiting: 'orange', held: 'blue' } as const;

/** Of ids such as `web:3f…`, what tells one person from the other. */
export const personOf = ({ id, channel }: Pick<ConversationWire, 'id' | 'channel'>): string =>
  id.startsWith(`${channel}:`) ? id.slice(channel.length + 1) : id;

interface LineProps {
  talk: ConversationWire;
  to: string;
  index: number;
  start: number;
  current: boolean;
}
const Line = memo(function Line({ talk, to, index, start, current }: LineProps) {
  const { t } = useTranslation();
  const { care, preview, channel } = talk;
  return (
    <div role="listitem" className="sb-talk" data-current={current} style={{ height: rowHeight, top: start }}>
      <Link to={to} className="sb-talk-link" data-index={index} aria-current={current ? 'true' : undefined}>
        <span className="sb-talk-top">
          {care.state !== 'bot' && <Dot color={careColors[care.state]} />}
          <b>{personOf(talk)}</b>
          <span className="sb-quiet">
            <When at={talk.lastAt} />
          </span>
        </span>
        <span className="sb-talk-words">{preview?.text ?? ''}</span>
        <span className="sb-talk-words sb-quiet">
          {care.state === 'bot' ? channelName(channel) : t(`care.${care.state}`)}
          {care.state === 'held' && care.agent !== null && ` · ${care.agent}`}
          {preview?.reply ? ` · ${preview.reply}` : ''}
          {care.tags.length > 0 && ` · ${care.tags.join(', ')}`}
        </span>
      </Link>
      {care.review === 'unread' && <span className="sb-talk-new" title={t('review.unread')} />}
    </div>
  );
});

export function useConversations(appId: string, filter: ConversationFilter, filtered: boolean) {
  const api = useApi();
  return useInfiniteQuery({
    // What is live goes into the list of all; a filtered one is read anew.
    queryKey: ['conversations', appId, filtered ? 'filtered' : 'all', filter],
    queryFn: ({ pageParam }) => api.conversations(appId, filter, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
    // A page that was fetched stays; what is new comes by the stream.
    staleTime: 30_000,
  });
}

interface ListProps {
  appId: string;
  filter: ConversationFilter;
  filtered: boolean;
  current: string | null;
  search: string;
}
export function ConversationList({ appId, filter, filtered, current, search }: ListProps) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const query = useConversations(appId, filter, filtered);
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = query;
  const talks = data?.pages.flatMap(({ items }) => items) ?? [];
  const virtual = useVirtualizer({
    count: talks.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 6,
  });
  const rows = virtual.getVirtualItems();
  const last = rows.at(-1)?.index ?? -1;
  // A search looks at so much at a time: a page may be empty though more follows.
  const empty = data?.pages.slice(-mostEmpty).every(({ items }) => items.length === 0) ?? false;
  const gaveUp = empty && (data?.pages.length ?? 0) >= mostEmpty;
  const wants = last >= talks.length - 15 && hasNextPage && !isFetchingNextPage && !gaveUp && !error;
  useEffect(() => {
    if (wants) void fetchNextPage();
  }, [wants, fetchNextPage]);
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const at = (event.target as HTMLElement).dataset['index'];
    if (step === undefined || at === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(talks.length - 1, Number(at) + step));
    const focus = (): boolean => {
      const link = box.current?.querySelector<HTMLElement>(`[data-index="${next}"]`);
      link?.focus();
      return link !== undefined && link !== null;
    };
    if (focus()) return;
    virtual.scrollToIndex(next);
    requestAnimationFrame(focus);
  };
  if (error && !data) return <Problem error={error} retry={refetch} />;
  if (!data) return <Loading />;
  return (
    <>
      {talks.length === 0 && !hasNextPage && (
        <Empty
          icon="conversations"
          title={t(filtered ? 'talk.noneFound' : 'talk.none')}
          text={t(filtered ? 'talk.noneFoundText' : 'talk.noneText')}
        />
      )}
      <div
        ref={box}
        className="sb-talks"
        tabIndex={talks.length === 0 ? undefined : 0}
        onKeyDown={move}
        role="list"
        aria-label={t('nav.conversations')}
      >
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }} role="presentation">
          {rows.map(({ index, start }) => {
            const talk = talks[index];
            return (
              talk && (
                <Line
                  key={talk.id}
                  talk={talk}
                  to={`/bots/${appId}/conversations/${encodeURIComponent(talk.id)}${search}`}
                  index={index}
                  start={start}
                  current={talk.id === current}
                />
              )
            );
          })}
        </div>
      </div>
      <Group justify="center" gap="xs" mih={26} p={4}>
        {isFetchingNextPage && <Loader size="xs" />}
        {gaveUp && hasNextPage && (
          <Button size="compact-xs" variant="default" onClick={() => void fetchNextPage()}>
            {t('talk.further')}
          </Button>
        )}
        {!hasNextPage && talks.length > 0 && (
          <Text size="xs" className="sb-quiet">
            {t('talk.end', { count: talks.length })}
          </Text>
        )}
      </Group>
    </>
  );
}

export function CareBadge({ care }: { care: ConversationWire['care'] }) {
  const { t } = useTranslation();
  return (
    <Badge
      color={careColors[care.state]}
      variant="light"
      tt="none"
      styles={{ label: { color: 'var(--mantine-color-text)' } }}
    >
      {t(`care.${care.state}`)}
      {care.state === 'held' && care.agent !== null ? `: ${care.agent}` : ''}
    </Badge>
  );
}
