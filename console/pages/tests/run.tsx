/** Runs the tests on a version, and shows what came out. */
import { Alert, Badge, Button, Card, Group, Select, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { TestRunWire } from '../../api-quality';
import { useAct } from '../../parts/act';
import { percent } from '../../parts/facts';
import { Icon } from '../../parts/icons';
import { Only } from '../../parts/only';
import { Problem } from '../../parts/said';
import { useVersionChoices } from '../../parts/versions';
import { useTopics } from '../../queries';
import { useApi } from '../../session';
import { useThisBot } from '../bot';

/** Old beside new, or expected beside got. */
export function Pair({ from, to }: { from: string; to: string }) {
  const { t } = useTranslation();
  return (
    <>
      <Text size="sm" className="sb-loss" px="xs" style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
        − {from === '' ? t('versions.noAnswer') : from}
      </Text>
      <Text size="sm" className="sb-hit" px="xs" style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
        + {to === '' ? t('versions.noAnswer') : to}
      </Text>
    </>
  );
}

export function Failures({ failed }: { failed: TestRunWire['failed'] }) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm">
      {failed.map(({ name, step, user, expected, got }) => (
        <div key={`${name} ${step}`}>
          <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
            {t('tests.at', { name, step })}: {user}
          </Text>
          <Pair from={expected} to={got} />
        </div>
      ))}
    </Stack>
  );
}

export function ScoreOf({ score, appId }: { score: TestRunWire['score']; appId: string }) {
  const { t } = useTranslation();
  const topics = useTopics(appId);
  if (!score) return null;
  const named = (topic: string): string => topics.get(topic) ?? topics.get(`faq/${topic}`) ?? topic;
  return (
    <>
      <Text size="sm">
        {t('tests.score', { right: score.right, count: score.asked, share: percent(score.right / score.asked) })}
      </Text>
      {score.confusions.length > 0 && (
        <Table.ScrollContainer minWidth={480} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table aria-label={t('tests.confusions')}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('tests.wanted')}</Table.Th>
                <Table.Th>{t('tests.taken')}</Table.Th>
                <Table.Th ta="end">{t('tests.times')}</Table.Th>
                <Table.Th>{t('tests.examples')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {score.confusions.map(({ expected, got, times, examples }) => (
                <Table.Tr key={`${expected} ${got}`}>
                  <Table.Td>{named(expected)}</Table.Td>
                  <Table.Td>{named(got)}</Table.Td>
                  <Table.Td ta="end">{times}</Table.Td>
                  <Table.Td className="sb-quiet">{examples.join(' · ')}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </>
  );
}

function Result({ result, appId }: { result: TestRunWire; appId: string }) {
  const { t } = useTranslation();
  const { failed, score } = result;
  const good = failed.length === 0;
  return (
    <Stack gap="sm" mt="sm" role="status">
      <Group gap="xs">
        <Badge
          color={good ? 'teal.9' : 'red.9'}
          variant="filled"
          tt="none"
          leftSection={<Icon name={good ? 'check' : 'warning'} size={12} />}
        >
          {good ? t('tests.passed') : t('tests.failed', { count: failed.length })}
        </Badge>
      </Group>
      <Failures failed={failed} />
      <ScoreOf score={score} appId={appId} />
    </Stack>
  );
}

export function Run() {
  const { t } = useTranslation();
  const api = useApi();
  const { appId, activeModel } = useThisBot();
  const versions = useVersionChoices(appId);
  const [chosen, setChosen] = useState<string | null>(null);
  const version = chosen ?? activeModel;
  const [problem, setProblem] = useState<Error | null>(null);
  const run = useAct({
    run: (modelId: string) => api.runTests(appId, modelId),
    done: () => setProblem(null),
    refused: setProblem,
  });
  if (version === null)
    return (
      <Alert color="yellow" variant="light">
        {t('tests.untrained')}
      </Alert>
    );
  return (
    <Only right="edit" on={appId}>
      <Card withBorder component="section" aria-label={t('tests.run')}>
        <Group align="flex-end">
          <Select
            label={t('versions.version')}
            data={versions}
            value={version}
            onChange={setChosen}
            allowDeselect={false}
            flex="1 1 240px"
          />
          <Button loading={run.isPending} onClick={() => run.mutate(version)}>
            {t('tests.run')}
          </Button>
        </Group>
        <Text size="xs" className="sb-quiet" mt={6}>
          {t('tests.runText')}
        </Text>
        {problem && <Problem error={problem} />}
        {!problem && run.data && <Result result={run.data} appId={appId} />}
      </Card>
    </Only>
  );
}
