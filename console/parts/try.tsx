/** The pane to try a bot: what it answers, beside what it understood and how long that took. */
import { ActionIcon, Anchor, Badge, Card, Group, Image, Progress, Stack, Text, TextInput, Title } from '@mantine/core';
import { type SyntheticEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { BotMessageWire } from '../../src/wire';
import type { BotWire, Understood } from '../api';
import { useTopics } from '../queries';
import { useApi } from '../session';
import { percent } from './facts';
import { Icon } from './icons';

interface Exchange {
  id: number;
  text: string;
  replies?: BotMessageWire[];
  understood?: Understood;
  /** From the sending to the whole answer. */
  ms?: number;
  problem?: string;
}

interface UnderstandingProps {
  understood: Understood;
  ms: number | undefined;
  topics: ReadonlyMap<string, string>;
}
function Understanding({ understood, ms, topics }: UnderstandingProps) {
  const { t } = useTranslation();
  const { intent, confidence, ranking, entities, engine } = understood;
  return (
    <Card withBorder p="xs" data-testid="understood">
      <Group gap={6} justify="space-between">
        <Text size="xs" fw={600} style={{ overflowWrap: 'anywhere' }}>
          {t('try.intent')}: {intent ?? '–'}
        </Text>
        <Badge variant="default" tt="none">
          {percent(confidence)}
        </Badge>
      </Group>
      <Stack gap={4} mt={6}>
        {ranking.map(({ name, confidence: share }) => (
          <div key={name}>
            <Group gap={6} justify="space-between" wrap="nowrap">
              <Text size="xs" truncate title={name}>
                {topics.get(name) ?? name}
              </Text>
              <Text size="xs" className="sb-quiet">
                {percent(share)}
              </Text>
            </Group>
            <Progress value={share * 100} size={4} aria-label={name} />
          </div>
        ))}
      </Stack>
      {entities.length > 0 && (
        <Text size="xs" mt={6} style={{ overflowWrap: 'anywhere' }}>
          {t('try.entities')}: {entities.map((entity) => describe(entity)).join(', ')}
        </Text>
      )}
      <Text size="xs" className="sb-quiet" mt={6}>
        {t('try.times', { parse: understood.ms, answer: ms ?? '…' })}
        {engine ? ` · ${engine}` : ''}
      </Text>
    </Card>
  );
}
function describe(entity: unknown): string {
  const { entity: name = '?', value = '' } = entity as { entity?: string; value?: unknown };
  return `${name} = ${typeof value === 'string' ? value : JSON.stringify(value)}`;
}

function Reply({ reply, press }: { reply: BotMessageWire; press: (payload: string) => void }) {
  return (
    <div className="sb-bubble" data-mine={false}>
      {reply.text}
      {reply.image && <Image src={reply.image} alt="" radius="sm" mt={4} />}
      {reply.buttons && (
        <Group gap={6} mt={6}>
          {reply.buttons.map(({ title, payload }) => (
            <Anchor key={payload} component="button" type="button" size="sm" onClick={() => press(payload)}>
              {title}
            </Anchor>
          ))}
        </Group>
      )}
      {reply.custom !== undefined && <Text size="xs">{JSON.stringify(reply.custom)}</Text>}
    </div>
  );
}

function useTalk(appId: string) {
  const api = useApi();
  const [talk, setTalk] = useState<Exchange[]>([]);
  /** A conversation of this pane's own. */
  const [sender] = useState(() => `console-${crypto.randomUUID()}`);
  const next = useRef(0);
  const say = (text: string): void => {
    const id = (next.current += 1);
    const add = (fields: Partial<Exchange>): void =>
      setTalk((all) => all.map((one) => (one.id === id ? { ...one, ...fields } : one)));
    setTalk((all) => [...all, { id, text }]);
    const started = performance.now();
    const fail = (error: unknown): void => add({ problem: error instanceof Error ? error.message : String(error) });
    const understand = (): Promise<void> => api.parse(appId, text).then((understood) => add({ understood }));
    // The answer first: a bot that is in training answers when it is ready, and has nothing to parse with before.
    void api
      .say(appId, { sender, message: text })
      .then((replies) => {
        add({ replies, ms: Math.round(performance.now() - started) });
        return text.startsWith('/') ? undefined : understand();
      })
      .catch(fail);
  };
  return { talk, say, clear: () => setTalk([]) };
}

export function TryPane({ bot }: { bot: BotWire }) {
  const { t } = useTranslation();
  const { talk, say, clear } = useTalk(bot.appId);
  const topics = useTopics(bot.appId);
  const [text, setText] = useState('');
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => void end.current?.scrollIntoView({ block: 'nearest' }), [talk]);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (text.trim() === '') return;
    say(text);
    setText('');
  };
  return (
    <Card
      withBorder
      component="section"
      aria-label={t('try.title')}
      style={{ flex: '0 0 330px', position: 'sticky', top: 72 }}
    >
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h5">
          {t('try.title')}
        </Title>
        {talk.length > 0 && (
          <Anchor component="button" type="button" size="xs" onClick={clear}>
            {t('try.clear')}
          </Anchor>
        )}
      </Group>
      <div
        role="log"
        aria-label={t('try.log')}
        tabIndex={0}
        style={{ height: 'calc(100vh - 290px)', minHeight: 240, overflow: 'auto' }}
      >
        <Stack gap="xs">
          {talk.length === 0 && (
            <Text size="sm" className="sb-quiet">
              {bot.activeModel === null && bot.trainingJob === null ? t('try.untrained') : t('try.empty')}
            </Text>
          )}
          {talk.map((one) => (
            <Stack key={one.id} gap={6}>
              <div className="sb-bubble" data-mine>
                {one.text}
              </div>
              {one.replies?.map((reply, index) => (
                <Reply key={index} reply={reply} press={say} />
              ))}
              {one.replies?.length === 0 && (
                <Text size="xs" className="sb-quiet">
                  {t('try.silent')}
                </Text>
              )}
              {!one.replies && !one.problem && (
                <Text size="xs" className="sb-quiet">
                  {bot.trainingJob ? t('try.training') : t('try.waiting')}
                </Text>
              )}
              {one.problem && (
                <Text size="sm" c="red" role="alert">
                  {one.problem}
                </Text>
              )}
              {one.understood && <Understanding understood={one.understood} ms={one.ms} topics={topics} />}
            </Stack>
          ))}
          <div ref={end} />
        </Stack>
      </div>
      <form onSubmit={submit}>
        <TextInput
          mt="sm"
          aria-label={t('try.say')}
          placeholder={t('try.say')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          maxLength={8000}
          rightSection={
            <ActionIcon type="submit" variant="subtle" aria-label={t('try.send')}>
              <Icon name="send" size={16} />
            </ActionIcon>
          }
        />
      </form>
    </Card>
  );
}
