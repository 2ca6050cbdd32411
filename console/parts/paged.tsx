/** A table of what the hub answers page by page. */
import { Button, Card, Table } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import type { Page } from '../../src/client';
import { Empty, Loading, Problem } from './said';
import type { IconName } from './icons';

interface PagedProps<T> {
  queryKey: readonly unknown[];
  read: (cursor: string | null) => Promise<Page<T>>;
  row: (item: T) => ReactNode;
  /** The headings of the columns; the last is set to the right. */
  head: string[];
  minWidth: number;
  empty: { icon: IconName; title: string; text: string };
}
export function Paged<T>({ queryKey, read, row, head, minWidth, empty }: PagedProps<T>) {
  const { t } = useTranslation();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
  const items = data?.pages.flatMap((page) => page.items);
  return (
    <>
      {error && <Problem error={error} retry={refetch} />}
      {!items && !error && <Loading />}
      {items?.length === 0 && <Empty {...empty} />}
      {items && items.length > 0 && (
        <Card withBorder p={0}>
          <Table.ScrollContainer minWidth={minWidth} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  {head.map((label, at) => (
                    <Table.Th key={label} {...(at === head.length - 1 && { ta: 'end' })}>
                      {label}
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>{items.map(row)}</Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </Card>
      )}
      {hasNextPage && (
        <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {t('more')}
        </Button>
      )}
    </>
  );
}
