/** What people do about a conversation: review, tags, notes, erasing. */
import { Anchor, Button, Group, SegmentedControl, Stack, TagsInput, Text, Textarea, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';

import type { ConversationWire, ReviewWord } from '../../api-conversations';
import { SureButton, tell, useAct } from '../../parts/act';
import { When } from '../../parts/facts';
import { Guarded, Only } from '../../parts/only';
import { typedSince } from '../../parts/typed';
import { useSelf } from '../../session';

const reviews = ['unread', 'reviewed', 'saved_for_later'] as const;

function Notes({ appId, talk, stale }: { appId: string; talk: ConversationWire; stale: unknown[][] }) {
  const { t } = useTranslation();
  const { api, me } = useSelf();
  const [text, setText] = useState('');
  const note = useAct({
    run: (words: string) => api.note(appId, talk.id, { text: words, agent: me.name }),
    done: (_noted, words) => setText((now) => typedSince(words, now)),
    stale,
  });
  return (
    <Stack gap={6}>
      {talk.care.notes.map(({ at, by, text: said }, place) => (
        <div key={`${at} ${place}`} className="sb-note">
          <Text size="xs" className="sb-quiet">
            {by} · <When at={at} />
          </Text>
          <Text size="sm" style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
            {said}
          </Text>
        </div>
      ))}
      <Textarea
        size="xs"
        aria-label={t('talk.note')}
        placeholder={t('talk.note')}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        maxLength={5000}
        autosize
        minRows={2}
        maxRows={6}
      />
      <Group>
        <Button
          size="compact-xs"
          variant="default"
          loading={note.isPending}
          disabled={text.trim() === ''}
          onClick={() => note.mutate(text.trim())}
        >
          {t('talk.addNote')}
        </Button>
      </Group>
    </Stack>
  );
}

/** From now on every version is to say what was said here. */
function MakeTest({ appId, talk }: { appId: string; talk: ConversationWire }) {
  const { t } = useTranslation();
  const { api } = useSelf();
  const make = useAct({
    run: () => api.testOf(appId, talk.id),
    stale: [['tests', appId]],
    done: () => tell('good', t('talk.tested'), t('talk.testedText')),
  });
  return (
    <Only right="edit" on={appId}>
      {make.isSuccess ? (
        <Anchor component={Link} to={`/bots/${appId}/tests`} size="sm">
          {t('talk.tested')}
        </Anchor>
      ) : (
        <Button size="compact-sm" variant="default" loading={make.isPending} onClick={() => make.mutate()}>
          {t('talk.test')}
        </Button>
      )}
    </Only>
  );
}

export function Care({ appId, talk }: { appId: string; talk: ConversationWire }) {
  const { t } = useTranslation();
  const { api } = useSelf();
  const navigate = useNavigate();
  const stale = [
    ['transcript', appId, talk.id],
    ['conversations', appId],
  ];
  const review = useAct({ run: (chosen: ReviewWord) => api.review(appId, talk.id, chosen), stale });
  const tags = useAct({ run: (chosen: string[]) => api.tags(appId, talk.id, chosen), stale });
  const erase = useAct({
    run: () => api.erase(appId, talk.id),
    stale: [['conversations', appId], ['waiting']],
    done: () => void navigate(`/bots/${appId}/conversations`),
  });
  return (
    <Stack gap="sm" className="sb-care" component="aside" aria-label={t('talk.about')}>
      <Guarded right="converse" on={appId}>
        <Stack gap="sm">
          <Title order={3} size="h6">
            {t('talk.review')}
          </Title>
          <SegmentedControl
            size="xs"
            orientation="vertical"
            aria-label={t('talk.review')}
            value={review.isPending ? review.variables : talk.care.review}
            onChange={(chosen) => review.mutate(chosen)}
            data={reviews.map((value) => ({ value, label: t(`review.${value}`) }))}
          />
          <TagsInput
            size="xs"
            label={t('talk.tags')}
            placeholder={t('talk.addTag')}
            value={tags.isPending ? tags.variables : talk.care.tags}
            onChange={(chosen) => tags.mutate(chosen)}
            maxTags={50}
            clearable={false}
          />
          <Title order={3} size="h6">
            {t('talk.notes')}
          </Title>
          <Notes appId={appId} talk={talk} stale={stale} />
        </Stack>
      </Guarded>
      <MakeTest appId={appId} talk={talk} />
      <Only right="own" on={appId}>
        <SureButton
          label={t('talk.erase')}
          title={t('talk.erase')}
          text={t('talk.eraseText')}
          act={() => erase.mutateAsync()}
          button={{ size: 'compact-sm', variant: 'subtle', color: 'red' }}
        />
      </Only>
    </Stack>
  );
}
