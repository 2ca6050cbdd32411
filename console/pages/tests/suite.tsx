/** The tests of a bot: conversations that must go as they went, and questions that it is not taught. */
import { ActionIcon, Anchor, Button, Card, Group, Modal, Stack, Table, Text, Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { TestsWire } from '../../api-quality';
import { useAct } from '../../parts/act';
import { Icon } from '../../parts/icons';
import { Only } from '../../parts/only';
import { Empty, Loading, Problem } from '../../parts/said';
import { useTopics } from '../../queries';
import { useApi } from '../../session';
import { useThisBot } from '../bot';
import { TopicChoice } from '../misses/answer';
import { Run } from './run';

type Test = TestsWire['conversations'][number];

function useTests(appId: string) {
  const api = useApi();
  const queries = useQueryClient();
  const queryKey = ['tests', appId];
  const query = useQuery({ queryKey, queryFn: () => api.tests(appId) });
  const put = useAct({
    async run(tests: TestsWire) {
      // Shown at once: the next change is one of this, and takes nothing back.
      await queries.cancelQueries({ queryKey });
      queries.setQueryData(queryKey, tests);
      return api.putTests(appId, tests);
    },
    stale: [queryKey],
  });
  return { ...query, put };
}

function OneTest({ test, remove }: { test: Test; remove: () => void }) {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const [open, setOpen] = useState(false);
  return (
    <Card withBorder component="li" p="sm">
      <Group justify="space-between" wrap="nowrap">
        <Anchor
          component="button"
          type="button"
          c="inherit"
          fw={600}
          ta="start"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          style={{ overflowWrap: 'anywhere' }}
        >
          {test.name}
        </Anchor>
        <Group gap="xs" wrap="nowrap">
          <Text size="sm" className="sb-quiet" style={{ whiteSpace: 'nowrap' }}>
            {t('tests.steps', { count: test.steps.length })}
          </Text>
          <Only right="edit" on={appId}>
            <ActionIcon variant="subtle" aria-label={t('tests.removeOne', { name: test.name })} onClick={remove}>
              <Icon name="trash" size={16} />
            </ActionIcon>
          </Only>
        </Group>
      </Group>
      {open && (
        <Stack gap={4} mt="xs">
          {test.steps.map(({ user, bot, intent }, at) => (
            <div key={at} className="sb-said">
              <div className="sb-bubble" data-mine={false}>
                {user}
              </div>
              {intent !== undefined && (
                <Text size="xs" className="sb-quiet">
                  {t('try.intent')}: {intent}
                </Text>
              )}
              {bot?.map((text, place) => (
                <div key={place} className="sb-bubble" data-mine>
                  {text}
                </div>
              ))}
            </div>
          ))}
        </Stack>
      )}
    </Card>
  );
}

/** A test written by hand: a line for what a person says, a line with ">" before it for what the bot is to say. */
function Write({ save, close }: { save: (test: Test) => void; close: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [lines, setLines] = useState('');
  const steps = stepsOf(lines);
  const whole = name.trim() !== '' && steps.length > 0;
  return (
    <Modal opened onClose={close} title={t('tests.write')} closeButtonProps={{ 'aria-label': t('close') }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (whole) save({ name: name.trim(), steps });
        }}
      >
        <Stack>
          <TextInput
            label={t('tests.name')}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maxLength={200}
            data-autofocus
          />
          <Textarea
            label={t('tests.lines')}
            description={t('tests.linesText')}
            placeholder={t('tests.linesHint')}
            value={lines}
            onChange={(event) => setLines(event.currentTarget.value)}
            rows={8}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('cancel')}
            </Button>
            <Button type="submit" disabled={!whole}>
              {t('save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
function stepsOf(lines: string): Test['steps'] {
  const steps: Test['steps'] = [];
  for (const line of lines.split('\n').map((one) => one.trim())) {
    const last = steps.at(-1);
    if (line.startsWith('>') && last) last.bot = [...(last.bot ?? []), line.slice(1).trim()];
    else if (line !== '' && !line.startsWith('>')) steps.push({ user: line });
  }
  return steps;
}

export function Conversations() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { data: tests, error, refetch, put } = useTests(appId);
  const [writing, setWriting] = useState(false);
  if (error) return <Problem error={error} retry={refetch} />;
  if (!tests) return <Loading />;
  const set = (conversations: Test[]): void => put.mutate({ ...tests, conversations });
  return (
    <Stack>
      <Group justify="space-between" align="flex-start">
        <Text size="sm" className="sb-quiet" maw={520}>
          {t('tests.conversationsText')}
        </Text>
        <Only right="edit" on={appId}>
          <Button variant="default" onClick={() => setWriting(true)}>
            {t('tests.write')}
          </Button>
        </Only>
      </Group>
      {tests.conversations.length + tests.questions.length > 0 && <Run />}
      {tests.conversations.length === 0 && (
        <Empty icon="check" title={t('tests.none')} text={t('tests.noneText')}>
          <Button component={Link} to={`/bots/${appId}/conversations`} variant="light">
            {t('tests.toConversations')}
          </Button>
        </Empty>
      )}
      <Stack gap="xs" component="ul" className="sb-list" aria-label={t('tests.conversations')}>
        {tests.conversations.map((test, at) => (
          <OneTest key={`${at} ${test.name}`} test={test} remove={() => set(tests.conversations.toSpliced(at, 1))} />
        ))}
      </Stack>
      {writing && (
        <Write
          save={(test) => {
            set([...tests.conversations, test]);
            setWriting(false);
          }}
          close={() => setWriting(false)}
        />
      )}
    </Stack>
  );
}

function AddQuestion({ appId, add }: { appId: string; add: (question: TestsWire['questions'][number]) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [topic, setTopic] = useState<string | null>(null);
  const whole = text.trim() !== '' && topic !== null;
  return (
    <Card
      withBorder
      component="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!whole) return;
        add({ text: text.trim(), intent: topic });
        setText('');
      }}
    >
      <Group align="flex-start" grow preventGrowOverflow={false}>
        <TextInput
          label={t('tests.question')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          maxLength={8000}
        />
        <TopicChoice appId={appId} value={topic} change={setTopic} label={t('tests.answeredBy')} />
      </Group>
      <Button type="submit" mt="sm" disabled={!whole}>
        {t('tests.add')}
      </Button>
    </Card>
  );
}

export function Questions() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { data: tests, error, refetch, put } = useTests(appId);
  const topics = useTopics(appId);
  if (error) return <Problem error={error} retry={refetch} />;
  if (!tests) return <Loading />;
  const set = (questions: TestsWire['questions']): void => put.mutate({ ...tests, questions });
  return (
    <Stack>
      <Text size="sm" className="sb-quiet">
        {t('tests.questionsText')}
      </Text>
      <Only right="edit" on={appId}>
        <AddQuestion appId={appId} add={(question) => set([question, ...tests.questions])} />
      </Only>
      {tests.questions.length > 0 && <Run />}
      {tests.questions.length === 0 && (
        <Empty icon="questions" title={t('tests.noQuestions')} text={t('tests.noQuestionsText')} />
      )}
      {tests.questions.length > 0 && (
        <Card withBorder p={0}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('tests.question')}</Table.Th>
                <Table.Th>{t('tests.answeredBy')}</Table.Th>
                <Table.Th>
                  <span className="sb-unseen">{t('remove')}</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {tests.questions.map(({ text, intent }, at) => (
                <Table.Tr key={`${at} ${text}`}>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{text}</Table.Td>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{topics.get(`faq/${intent}`) ?? intent}</Table.Td>
                  <Table.Td ta="end">
                    <Only right="edit" on={appId}>
                      <ActionIcon
                        variant="subtle"
                        aria-label={t('tests.removeOne', { name: text })}
                        onClick={() => set(tests.questions.toSpliced(at, 1))}
                      >
                        <Icon name="trash" size={16} />
                      </ActionIcon>
                    </Only>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Card>
      )}
    </Stack>
  );
}
