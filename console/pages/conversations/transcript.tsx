/** What was said, beside what the bot understood and did. */
import { Anchor, Button, Card, Image, Text } from '@mantine/core';
import { useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { BotMessageWire } from '../../../src/wire';
import type { SaidWire } from '../../api-conversations';
import { percent, When } from '../../parts/facts';

const inWords = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

type Topics = ReadonlyMap<string, string>;
function Understood({ said, topics }: { said: SaidWire; topics: Topics }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const { intent, confidence, turn, state } = said;
  const entities = (turn?.entities ?? []) as { entity?: string; value?: unknown }[];
  const slots = Object.entries(turn?.slots ?? {});
  const actions = turn?.actions ?? [];
  const more = entities.length + slots.length + actions.length > 0 || turn?.model !== undefined;
  return (
    <div className="sb-understood">
      <Text size="xs" className="sb-quiet" component="span">
        <When at={said.receivedAt} />
        {intent !== null && ` · ${topics.get(intent) ?? intent}`}
        {confidence !== null && intent !== null && ` · ${percent(confidence)}`}
        {turn?.agent !== undefined &&
          ` · ${turn.agent === '' ? t('talk.nobody') : t('talk.toAgent', { name: turn.agent })}`}
        {state === 'failed' && ` · ${t('talk.failed')}`}
        {state === 'received' && ` · ${t('talk.open')}`}
      </Text>{' '}
      {more && (
        <Anchor component="button" type="button" size="xs" aria-expanded={open} onClick={() => setOpen(!open)}>
          {t('talk.details')}
        </Anchor>
      )}
      {open && (
        <Card withBorder p="xs" mt={4}>
          {entities.length > 0 && (
            <Text size="xs">
              {t('try.entities')}:{' '}
              {entities.map(({ entity = '?', value }) => `${entity} = ${inWords(value)}`).join(', ')}
            </Text>
          )}
          {slots.length > 0 && (
            <Text size="xs">
              {t('talk.slots')}: {slots.map(([name, value]) => `${name} = ${inWords(value)}`).join(', ')}
            </Text>
          )}
          {actions.length > 0 && (
            <Text size="xs">
              {t('talk.actions')}: {actions.join(', ')}
            </Text>
          )}
          {turn?.model !== undefined && (
            <Text size="xs" className="sb-quiet">
              {t('talk.model')}: {turn.model}
            </Text>
          )}
        </Card>
      )}
    </div>
  );
}

function Reply({ reply }: { reply: BotMessageWire }) {
  const agent = reply.metadata?.agent;
  return (
    <div className="sb-bubble" data-mine data-agent={agent !== undefined}>
      {agent !== undefined && (
        <Text size="xs" fw={600}>
          {agent}
        </Text>
      )}
      {reply.text}
      {reply.image !== undefined && <Image src={reply.image} alt="" radius="sm" mt={4} maw={240} />}
      {reply.buttons && <Text size="xs">{reply.buttons.map(({ title }) => `[${title}]`).join(' ')}</Text>}
      {reply.custom !== undefined && <Text size="xs">{JSON.stringify(reply.custom)}</Text>}
    </div>
  );
}

interface TranscriptProps {
  messages: SaidWire[];
  /** The first questions of topics by their names. */
  topics: Topics;
  /** Fetches older ones; null: all are here. */
  earlier: (() => void) | null;
}
export function Transcript({ messages, topics, earlier }: TranscriptProps) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  // Whoever reads the end stays there; whoever reads further up is left in peace.
  useLayoutEffect(() => {
    if (atEnd.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [messages]);
  return (
    <div
      ref={box}
      className="sb-transcript"
      role="log"
      aria-label={t('talk.transcript')}
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
      }}
    >
      {earlier && (
        <Button size="compact-xs" variant="default" onClick={earlier} style={{ alignSelf: 'center' }}>
          {t('talk.earlier')}
        </Button>
      )}
      {messages.map((said) => (
        <div key={said.id} className="sb-said">
          <div className="sb-bubble" data-mine={false}>
            {said.text}
          </div>
          <Understood said={said} topics={topics} />
          {said.replies.map((reply, at) => (
            <Reply key={reply.metadata?.key ?? at} reply={reply} />
          ))}
        </div>
      ))}
    </div>
  );
}
