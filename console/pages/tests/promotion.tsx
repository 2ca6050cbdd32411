/** What the gate said of versions: those that wait for a person, each answer that changes, old beside new; yes, no, or back. */
import { Alert, Anchor, Badge, Button, Card, Group, Select, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { HubRefusal, type ModelWire } from '../../api';
import type { GateReportWire } from '../../api-quality';
import { SureButton, tell, useAct } from '../../parts/act';
import { useAddress } from '../../parts/address';
import { When } from '../../parts/facts';
import { Only } from '../../parts/only';
import { Empty, Loading, Problem } from '../../parts/said';
import { useVersionChoices } from '../../parts/versions';
import { useModels } from '../../queries';
import { useApi } from '../../session';
import { useThisBot } from '../bot';
import { Failures, Pair, ScoreOf } from './run';

const colors = { promoted: 'teal.9', held: 'ink', refused: 'red.9' } as const;
export function Verdict({ gate }: { gate: NonNullable<ModelWire['gate']> }) {
  const { t } = useTranslation();
  return (
    <Badge color={colors[gate]} variant="filled" tt="none" style={{ flexShrink: 0 }}>
      {t(`gate.${gate}`)}
    </Badge>
  );
}

function Decide({ model }: { model: ModelWire }) {
  const { t } = useTranslation();
  const api = useApi();
  const { appId, modelId, gate } = model;
  const stale = [
    ['models', appId],
    ['bot', appId],
    ['gate-report', appId],
  ];
  const promote = useAct({
    run: () => api.activate(appId, modelId),
    stale,
    done: () => tell('good', t('versions.activated')),
  });
  const refuse = useAct({ run: () => api.refuse(appId, modelId), stale, done: () => tell('good', t('gate.said')) });
  if (model.active) return null;
  return (
    <Only right="edit" on={appId}>
      <Group gap="xs">
        {gate === 'refused' ? (
          <SureButton
            label={t('gate.anyway')}
            title={t('gate.anyway')}
            text={t('gate.anywayText')}
            act={() => promote.mutateAsync()}
          />
        ) : (
          <Button loading={promote.isPending} onClick={() => promote.mutate()}>
            {t('gate.promote')}
          </Button>
        )}
        {gate === 'held' && (
          <Button variant="default" loading={refuse.isPending} onClick={() => refuse.mutate()}>
            {t('gate.refuse')}
          </Button>
        )}
      </Group>
    </Only>
  );
}

/** With its place in the log, where it can be read on. */
function Changes({ report, appId }: { report: GateReportWire; appId: string }) {
  const { t } = useTranslation();
  const { conversations, turns, changed, changes } = report.replay;
  return (
    <section aria-label={t('gate.changes')}>
      <Title order={3} size="h5" mb={4}>
        {t('gate.changed', { changed, count: turns })}
      </Title>
      <Text size="sm" className="sb-quiet" mb="xs">
        {t('gate.replayed', { count: conversations })}
        {changes.length < changed && ` ${t('gate.shown', { count: changes.length })}`}
      </Text>
      <Stack gap="sm">
        {changes.map(({ conversation, number, text, from, to }) => (
          <div key={`${conversation} ${number}`}>
            <Group gap="xs" justify="space-between" wrap="nowrap">
              <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
                {text}
              </Text>
              <Anchor
                component={Link}
                size="xs"
                to={`/bots/${appId}/conversations/${encodeURIComponent(conversation)}`}
                style={{ flex: 'none' }}
              >
                {t('miss.conversation')}
              </Anchor>
            </Group>
            <Pair from={from} to={to} />
          </div>
        ))}
      </Stack>
    </section>
  );
}

function Report({ model }: { model: ModelWire }) {
  const { t } = useTranslation();
  const api = useApi();
  const { appId, modelId } = model;
  const { data, error, refetch } = useQuery({
    queryKey: ['gate-report', appId, modelId],
    queryFn: () => api.gateReport(appId, modelId),
  });
  if (error instanceof HubRefusal && error.status === 404) return <Text size="sm">{t('gate.unknown')}</Text>;
  if (error) return <Problem error={error} retry={refetch} />;
  if (!data) return <Loading />;
  const { reasons, tests, score, rolledBack } = data;
  return (
    <Stack gap="md">
      {rolledBack !== null && (
        <Alert color="red" variant="light" title={t('gate.wentBack')}>
          <Text size="sm">{rolledBack}</Text>
        </Alert>
      )}
      {reasons.length > 0 && (
        <ul className="sb-reasons">
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <Changes report={data} appId={appId} />
      {tests.total > 0 && (
        <section aria-label={t('tests.conversations')}>
          <Title order={3} size="h5" mb="xs">
            {tests.failed.length === 0
              ? t('gate.testsPassed', { count: tests.total })
              : t('tests.failed', { count: tests.failed.length })}
          </Title>
          <Failures failed={tests.failed} />
        </section>
      )}
      <ScoreOf score={score} appId={appId} />
    </Stack>
  );
}

export function Promotion() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { data: models, error, refetch } = useModels(appId);
  const choices = useVersionChoices(appId);
  const { search, change } = useAddress();
  if (error) return <Problem error={error} retry={refetch} />;
  if (!models) return <Loading />;
  const judged = models.filter(({ gate }) => gate !== undefined);
  const model = judged.find(({ modelId }) => modelId === search.get('version')) ?? judged[0];
  if (!model)
    return (
      <Empty icon="check" title={t('gate.none')} text={t('gate.noneText')}>
        <Button component={Link} to={`/bots/${appId}/tests/rules`} variant="light">
          {t('gate.close')}
        </Button>
      </Empty>
    );
  return (
    <Stack>
      <Select
        label={t('versions.version')}
        data={choices.filter(({ value }) => judged.some(({ modelId }) => modelId === value))}
        value={model.modelId}
        onChange={(chosen) => chosen && change({ version: chosen })}
        allowDeselect={false}
        maw={420}
      />
      <Card withBorder component="section" aria-label={t('gate.report')}>
        <Group justify="space-between" mb="md">
          <Group gap="xs">
            {model.gate && <Verdict gate={model.gate} />}
            <Text size="sm">
              <When at={model.createdAt} />
              {model.by !== null && ` · ${model.by}`}
            </Text>
            {model.active && <Text size="sm">· {t('versions.active')}</Text>}
          </Group>
          <Decide model={model} />
        </Group>
        <Report key={model.modelId} model={model} />
      </Card>
    </Stack>
  );
}
