/** A bot's conversations: the list beside the one that is open. Each has an address. */
import { Anchor, Group, Text, Title } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useParams } from 'react-router';

import { channelName } from '../../parts/facts';
import { Only } from '../../parts/only';
import { Empty, Heading, Loading, Problem } from '../../parts/said';
import { useTopics } from '../../queries';
import { useSelf } from '../../session';
import { useThisBot } from '../bot';
import { Care } from './care';
import { Composer, DeskButton, Holding } from './desk';
import { Filters, useFilter } from './filters';
import { CareBadge, ConversationList, personOf } from './list';
import { Transcript } from './transcript';

const atFirst = 100;
const most = 2000;

function Talk({ appId, id }: { appId: string; id: string }) {
  const { t } = useTranslation();
  const { api, me } = useSelf();
  const [newest, setNewest] = useState(atFirst);
  const { data, error, refetch } = useQuery({
    queryKey: ['transcript', appId, id, newest],
    queryFn: () => api.transcript(appId, id, newest),
    placeholderData: keepPreviousData,
  });
  const topics = useTopics(appId);
  const { search } = useLocation();
  if (error && !data) return <Problem error={error} retry={refetch} />;
  if (!data) return <Loading />;
  const { conversation: talk, messages } = data;
  if (!talk) return <Empty icon="conversations" title={t('talk.gone')} text={t('talk.goneText')} />;
  const older = messages.length < talk.messages && newest < most;
  const mine = talk.care.state === 'held' && talk.care.agent === me.name;
  return (
    <div className="sb-talk-open">
      <div className="sb-talk-main">
        <Group justify="space-between" p="xs" wrap="nowrap" className="sb-talk-head">
          <div style={{ minWidth: 0 }}>
            <Anchor component={Link} to={`/bots/${appId}/conversations${search}`} size="xs" className="sb-back">
              {t('talk.back')}
            </Anchor>
            <Title order={3} size="h5" style={{ overflowWrap: 'anywhere' }}>
              {personOf(talk)}
            </Title>
            <Group gap={6}>
              <Text size="xs" className="sb-quiet">
                {channelName(talk.channel)} · {t('talk.messages', { count: talk.messages })}
              </Text>
              <CareBadge care={talk.care} />
            </Group>
          </div>
          <Only right="converse" on={appId}>
            <Holding appId={appId} talk={talk} />
          </Only>
        </Group>
        <Transcript
          key={id}
          messages={messages}
          topics={topics}
          earlier={older ? () => setNewest(Math.min(most, newest * 4)) : null}
        />
        {mine && <Composer appId={appId} talk={talk} />}
      </div>
      <Care key={id} appId={appId} talk={talk} />
    </div>
  );
}

export default function Conversations() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { id = null } = useParams();
  const { search } = useLocation();
  const filtering = useFilter();
  return (
    <>
      <Heading title={t('nav.conversations')} text={t('talk.text')} order={2}>
        <DeskButton appId={appId} />
      </Heading>
      <div className="sb-desk" data-open={id !== null}>
        <div className="sb-desk-list">
          <Filters filtering={filtering} />
          <ConversationList
            key={appId}
            appId={appId}
            filter={filtering.filter}
            filtered={filtering.any}
            current={id}
            search={search}
          />
        </div>
        <div className="sb-desk-one">
          {id === null ? (
            <Empty icon="conversations" title={t('talk.choose')} text={t('talk.chooseText')} />
          ) : (
            <Talk key={id} appId={appId} id={id} />
          )}
        </div>
      </div>
    </>
  );
}
