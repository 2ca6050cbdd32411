/** What was given up: turns that broke their bot, replies that a platform would not take. */
import { Button, Card, Group, Stack, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';

import type { DeadLetterWire } from '../api';
import { SureButton, tell, useAct } from '../parts/act';
import { channelName, When } from '../parts/facts';
import { Empty, Heading, Loading, Problem } from '../parts/said';
import { useApi } from '../session';

function Letter({ letter }: { letter: DeadLetterWire }) {
  const { t } = useTranslation();
  const api = useApi();
  const stale = [['dead-letters']];
  const replay = useAct({ run: () => api.replay(letter.id), stale, done: () => tell('good', t('dead.replayed')) });
  const discard = useAct({ run: () => api.discard(letter.id), stale });
  return (
    <Card withBorder>
      <Group justify="space-between" align="flex-start">
        <div style={{ flex: '1 1 300px', minWidth: 0 }}>
          <Text size="xs" className="sb-quiet">
            {t(`dead.${letter.kind}`)} · {letter.appId} · {channelName(letter.channel)} · <When at={letter.at} /> ·{' '}
            {t('dead.attempts', { count: letter.attempts })}
          </Text>
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {letter.text}
          </Text>
          {letter.reply?.text && (
            <Text size="sm" className="sb-quiet" style={{ overflowWrap: 'anywhere' }}>
              → {letter.reply.text}
            </Text>
          )}
          <Text size="sm" c="red" mt={4}>
            {letter.error}
          </Text>
          {letter.maybeSent && <Text size="xs">{t('dead.maybe')}</Text>}
        </div>
        <Group gap="xs">
          <Button variant="light" loading={replay.isPending} onClick={() => replay.mutate()}>
            {t('dead.replay')}
          </Button>
          <SureButton
            label={t('dead.discard')}
            title={t('dead.discard')}
            text={t('dead.discardText')}
            act={() => discard.mutateAsync()}
          />
        </Group>
      </Group>
    </Card>
  );
}

export default function DeadLetters() {
  const { t } = useTranslation();
  const api = useApi();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['dead-letters'],
    queryFn: ({ pageParam }) => api.deadLetters(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
  const letters = data?.pages.flatMap(({ items }) => items);
  return (
    <>
      <Heading title={t('nav.dead')} text={t('dead.text')}>
        <Button variant="default" onClick={() => void refetch()}>
          {t('refresh')}
        </Button>
      </Heading>
      {error ? <Problem error={error} retry={refetch} /> : null}
      {!letters && !error && <Loading />}
      {letters?.length === 0 && <Empty icon="letter" title={t('dead.none')} text={t('dead.noneText')} />}
      <Stack>
        {letters?.map((letter) => (
          <Letter key={letter.id} letter={letter} />
        ))}
        {hasNextPage && (
          <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t('more')}
          </Button>
        )}
      </Stack>
    </>
  );
}
