/** The models of a bot: which answers, what is different between two, and back to an earlier one. */
import {
  Anchor,
  Badge,
  Button,
  Card,
  Checkbox,
  Group,
  Modal,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { ModelWire, VersionDiffWire } from '../api';
import { Only } from '../parts/only';
import { SureButton, tell, useAct } from '../parts/act';
import { useAddress } from '../parts/address';
import { sizeOf, When } from '../parts/facts';
import { Empty, Loading, Problem } from '../parts/said';
import { useModels } from '../queries';
import { useApi, useMay } from '../session';
import { useThisBot } from './bot';
import { wordsOf } from './questions/grid';

/** Of its newest test: whether the right answer came counts more than the right intent. */
const scoreOf = ({ scores }: ModelWire): string => {
  const right = ['answers', 'intents', 'stories'].map((name) => scores?.[name]).find((one) => typeof one === 'number');
  return right === undefined ? '–' : `${Math.round(right * 1000) / 10} %`;
};

function Label({ model }: { model: ModelWire }) {
  const { t } = useTranslation();
  const may = useMay();
  const api = useApi();
  const [text, setText] = useState(model.label ?? '');
  const name = useAct({
    run: () => api.label(model.appId, model.modelId, text.trim() === '' ? null : text.trim()),
    stale: [['models', model.appId]],
  });
  return (
    <TextInput
      size="xs"
      variant="unstyled"
      aria-label={t('versions.label')}
      placeholder={t('versions.labelHint')}
      value={text}
      maxLength={200}
      readOnly={!may('edit', model.appId)}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={() => text.trim() !== (model.label ?? '') && name.mutate()}
      onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
    />
  );
}

function Version({ model, against }: { model: ModelWire; against: (model: ModelWire) => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const { change } = useAddress();
  const stale = [
    ['models', model.appId],
    ['bot', model.appId],
  ];
  const activate = useAct({
    run: () => api.activate(model.appId, model.modelId),
    stale,
    done: () => tell('good', t('versions.activated')),
  });
  const remove = useAct({ run: () => api.deleteModel(model.appId, model.modelId), stale });
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap="xs">
          <When at={model.createdAt} />
          {model.active && (
            <Badge variant="filled" color="teal.9" tt="none" style={{ flexShrink: 0 }}>
              {t('versions.active')}
            </Badge>
          )}
          {!model.active && model.gate && model.gate !== 'promoted' && (
            <Anchor
              component={Link}
              size="sm"
              py={3}
              to={`/bots/${model.appId}/tests/promotion?version=${model.modelId}`}
            >
              {t(`gate.${model.gate}`)}
            </Anchor>
          )}
        </Group>
        <Label key={model.label} model={model} />
        <Group gap="xs" mt={4}>
          <Only right="edit" on={model.appId}>
            <Anchor component={Link} size="sm" to={`/bots/${model.appId}/findings?version=${model.modelId}`}>
              {t('found.title')}
            </Anchor>
          </Only>
          {!model.active && (
            <>
              <Only right="converse" on={model.appId}>
                <Button size="compact-sm" variant="default" onClick={() => change({ try: model.modelId })}>
                  {t('versions.try')}
                </Button>
              </Only>
              <Button size="compact-sm" variant="default" onClick={() => against(model)}>
                {t('versions.diff')}
              </Button>
              <Only right="edit" on={model.appId}>
                <Button
                  size="compact-sm"
                  variant="light"
                  loading={activate.isPending}
                  onClick={() => activate.mutate()}
                >
                  {t('versions.activate')}
                </Button>
              </Only>
              <Only right="build" on={model.appId}>
                <SureButton
                  label={t('remove')}
                  title={t('versions.remove')}
                  text={t('versions.removeText')}
                  act={() => remove.mutateAsync()}
                  button={{ size: 'compact-sm' }}
                />
              </Only>
            </>
          )}
        </Group>
      </Table.Td>
      <Table.Td>
        <Text size="sm">{model.by ?? '–'}</Text>
        <Text size="xs" className="sb-quiet">
          {model.engine} {model.rasa ?? ''} · {model.pipeline}
        </Text>
      </Table.Td>
      <Table.Td ta="end">{scoreOf(model)}</Table.Td>
      <Table.Td ta="end" style={{ whiteSpace: 'nowrap' }}>
        {sizeOf(model.bytes)}
      </Table.Td>
    </Table.Tr>
  );
}

export function Versions() {
  const { t } = useTranslation();
  const api = useApi();
  const { appId } = useThisBot();
  const { data: models, error, refetch } = useModels(appId);
  const may = useMay();
  const [other, setOther] = useState<ModelWire | null>(null);
  const back = useAct({
    run: () => api.rollBack(appId),
    stale: [
      ['models', appId],
      ['bot', appId],
    ],
    done: () => tell('good', t('versions.activated')),
  });
  if (error) return <Problem error={error} retry={refetch} />;
  if (!models) return <Loading />;
  const active = models.find((model) => model.active);
  if (models.length === 0) return <Empty icon="training" title={t('versions.none')} text={t('versions.noneText')} />;
  return (
    <>
      {models.length > 1 && may('edit', appId) && (
        <Group justify="flex-end">
          <Button size="compact-sm" variant="default" loading={back.isPending} onClick={() => back.mutate()}>
            {t('versions.back')}
          </Button>
        </Group>
      )}
      <Card withBorder p={0}>
        <Table.ScrollContainer minWidth={480} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('versions.version')}</Table.Th>
                <Table.Th>{t('training.by')}</Table.Th>
                <Table.Th ta="end">{t('versions.score')}</Table.Th>
                <Table.Th ta="end">{t('versions.size')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {models.map((model) => (
                <Version key={model.modelId} model={model} against={setOther} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Card>
      {other && active && <Difference from={other} to={active} close={() => setOther(null)} />}
    </>
  );
}

function Difference({ from, to, close }: { from: ModelWire; to: ModelWire; close: () => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const [answers, setAnswers] = useState(false);
  const { data, error } = useQuery({
    queryKey: ['diff', from.appId, from.modelId, to.modelId, answers],
    queryFn: () => api.diff(from.appId, { from: from.modelId, to: to.modelId, answers }),
  });
  return (
    <Modal
      opened
      onClose={close}
      size="xl"
      title={t('versions.diffTitle')}
      closeButtonProps={{ 'aria-label': t('close') }}
    >
      <Stack>
        <Text size="sm" className="sb-quiet">
          <When at={from.createdAt} /> → <When at={to.createdAt} />
        </Text>
        <Checkbox
          checked={answers}
          onChange={(event) => setAnswers(event.currentTarget.checked)}
          label={t('versions.ask')}
        />
        {error ? <Problem error={error} /> : data ? <Changes diff={data} /> : <Loading />}
      </Stack>
    </Modal>
  );
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '–' : JSON.stringify(value);

function Changes({ diff }: { diff: VersionDiffWire }) {
  const { t } = useTranslation();
  const { settings, pairs, files, answers } = diff;
  const pair = ({ questions, answer }: (typeof pairs.added)[number]): string =>
    `${questions.join(' / ')} → ${wordsOf(answer)}`;
  const lines = [
    ...Object.entries(settings).flatMap(([name, { from, to }]) => [
      { kind: 'loss', text: `${name}: ${shown(from)}` },
      { kind: 'hit', text: `${name}: ${shown(to)}` },
    ]),
    ...pairs.removed.map((one) => ({ kind: 'loss', text: pair(one) })),
    ...pairs.added.map((one) => ({ kind: 'hit', text: pair(one) })),
    ...pairs.changed.flatMap(({ from, to }) => [
      { kind: 'loss', text: pair(from) },
      { kind: 'hit', text: pair(to) },
    ]),
    ...files.removed.map((path) => ({ kind: 'loss', text: path })),
    ...files.added.map((path) => ({ kind: 'hit', text: path })),
    ...files.changed.flatMap(({ path, removed, added }) => [
      ...removed.map((line) => ({ kind: 'loss', text: `${path}: ${line}` })),
      ...added.map((line) => ({ kind: 'hit', text: `${path}: ${line}` })),
    ]),
  ];
  return (
    <>
      {lines.length === 0 && <Text size="sm">{t('versions.same')}</Text>}
      <div>
        {lines.map(({ kind, text }, at) => (
          <Text key={at} size="sm" className={`sb-${kind}`} px="xs" py={2} style={{ overflowWrap: 'anywhere' }}>
            {kind === 'hit' ? '+ ' : '− '}
            {text}
          </Text>
        ))}
      </div>
      {answers && (
        <>
          <Title order={3} size="h5">
            {t('versions.answers', { count: answers.changed.length, asked: answers.asked })}
          </Title>
          {answers.changed.map(({ question, from, to }) => (
            <div key={question}>
              <Text size="sm" fw={600}>
                {question}
              </Text>
              <Text size="sm" className="sb-loss" px="xs">
                − {from ?? t('versions.noAnswer')}
              </Text>
              <Text size="sm" className="sb-hit" px="xs">
                + {to ?? t('versions.noAnswer')}
              </Text>
            </div>
          ))}
        </>
      )}
    </>
  );
}
