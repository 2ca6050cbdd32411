/** A bot's process and its options. */
import {
  Button,
  Card,
  Group,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type SyntheticEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';

import type { BotWire, ChangeBot, LogLineWire } from '../api';
import { SureButton, tell, useAct } from '../parts/act';
import { sizeOf, StateOf } from '../parts/facts';
import { Guarded, Only } from '../parts/only';
import { useApi } from '../session';
import { useThisBot } from './bot';

function Log({ appId }: { appId: string }) {
  const { t } = useTranslation();
  const api = useApi();
  const [lines, setLines] = useState<LogLineWire[]>([]);
  const end = useRef<HTMLPreElement>(null);
  useEffect(() => {
    const ended = new AbortController();
    const follow = async (): Promise<void> => {
      for await (const line of api.followLogs(appId, ended.signal))
        setLines((before) => [...before.filter(({ number }) => number < line.number), line].slice(-1000));
    };
    follow().catch((error: unknown) => !ended.signal.aborted && tell('bad', t('process.lost'), String(error)));
    return () => ended.abort();
  }, [api, appId, t]);
  useEffect(() => void end.current?.scrollTo({ top: end.current.scrollHeight }), [lines]);
  const text = lines.map(({ at, source, line }) => (source === 'hub' ? `── ${at ?? ''} ${line}` : line)).join('\n');
  return (
    <pre ref={end} className="sb-log" tabIndex={0} aria-label={t('process.log')}>
      {text === '' ? t('process.noLog') : text}
    </pre>
  );
}

function ProcessCard({ bot }: { bot: BotWire }) {
  const { t } = useTranslation();
  const api = useApi();
  const queries = useQueryClient();
  const act = useAct({
    run: (verb: 'wake' | 'park' | 'restart') => api.process(bot.appId, verb),
    done: (changed) => queries.setQueryData(['bot', bot.appId], changed),
    stale: [['bot', bot.appId]],
  });
  const busy = (verb: string): boolean => act.isPending && act.variables === verb;
  return (
    <Card withBorder>
      <Group justify="space-between" mb="sm">
        <div>
          <StateOf bot={bot} />
          <Text size="xs" className="sb-quiet">
            {bot.reason ??
              t('process.facts', {
                engine: bot.engineInUse ?? bot.engine,
                pids: bot.pids.join(', ') || '–',
                memory: bot.memory === null ? '–' : sizeOf(bot.memory),
              })}
          </Text>
        </div>
        <Only right="build" on={bot.appId}>
          <Group gap="xs">
            <Button
              variant="default"
              loading={busy('wake')}
              disabled={bot.state === 'awake'}
              onClick={() => act.mutate('wake')}
            >
              {t('process.wake')}
            </Button>
            <Button
              variant="default"
              loading={busy('park')}
              disabled={bot.state === 'asleep'}
              onClick={() => act.mutate('park')}
            >
              {t('process.park')}
            </Button>
            <Button variant="default" loading={busy('restart')} onClick={() => act.mutate('restart')}>
              {t('process.restart')}
            </Button>
          </Group>
        </Only>
      </Group>
      <Log key={bot.appId} appId={bot.appId} />
    </Card>
  );
}

/** A list of Rasa components, or nothing; throws for what is none. */
function componentsIn(text: string): { name: string }[] | undefined {
  if (text.trim() === '') return undefined;
  return JSON.parse(text) as { name: string }[];
}
const listed = (components: unknown): string => (components === undefined ? '' : JSON.stringify(components, null, 2));

function OptionsCard({ bot }: { bot: BotWire }) {
  const { t } = useTranslation();
  const api = useApi();
  const queries = useQueryClient();
  const [name, setName] = useState(bot.name);
  const [pipeline, setPipeline] = useState(bot.pipeline);
  const [threshold, setThreshold] = useState<number | string>(bot.threshold ?? '');
  const [lateAnswers, setLate] = useState(bot.lateAnswers);
  const [min, setMin] = useState<number | string>(bot.instances.min);
  const [max, setMax] = useState<number | string>(bot.instances.max);
  const [fallback, setFallback] = useState(bot.options.fallback ?? '');
  const [own, setOwn] = useState(listed(bot.options.pipeline));
  const [policies, setPolicies] = useState(listed(bot.options.policies));
  const change = useAct({
    run: (changes: ChangeBot) => api.changeBot(bot.appId, changes),
    done: (changed) => {
      queries.setQueryData(['bot', bot.appId], changed);
      tell('good', t('options.saved'), t('options.savedText'));
    },
    stale: [['bots']],
  });
  const save = (event: SyntheticEvent): void => {
    event.preventDefault();
    try {
      const [components, chosen] = [componentsIn(own), componentsIn(policies)];
      const options = {
        ...(components && { pipeline: components }),
        ...(chosen && { policies: chosen }),
        ...(fallback.trim() === '' ? {} : { fallback }),
      };
      change.mutate({
        name: name.trim(),
        pipeline,
        threshold: threshold === '' ? null : Number(threshold),
        lateAnswers,
        instances: { min: Number(min), max: Number(max) },
        options,
      });
    } catch {
      tell('bad', t('options.notJson'));
    }
  };
  return (
    <Card withBorder component="form" onSubmit={save}>
      <Stack>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput
            label={t('new.name')}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maxLength={200}
            required
            withAsterisk={false}
          />
          <Select
            label={t('options.pipeline')}
            value={pipeline}
            onChange={(value) => value && setPipeline(value)}
            data={(['semantic', 'classic', 'project'] as const).map((value) => ({
              value,
              label: t(`pipeline.${value}`),
            }))}
            allowDeselect={false}
          />
          <NumberInput
            label={t('options.threshold')}
            description={t('options.thresholdText')}
            value={threshold}
            onChange={setThreshold}
            min={0}
            max={1}
            step={0.05}
            decimalScale={3}
          />
          <Select
            label={t('options.late')}
            description={t('options.lateText')}
            value={lateAnswers}
            onChange={(value) => value && setLate(value)}
            data={(['send', 'drop'] as const).map((value) => ({ value, label: t(`late.${value}`) }))}
            allowDeselect={false}
          />
          <NumberInput label={t('options.min')} value={min} onChange={setMin} min={0} max={32} allowDecimal={false} />
          <NumberInput label={t('options.max')} value={max} onChange={setMax} min={1} max={32} allowDecimal={false} />
        </SimpleGrid>
        <Textarea
          label={t('options.fallback')}
          value={fallback}
          onChange={(event) => setFallback(event.currentTarget.value)}
          rows={2}
          maxLength={20_000}
        />
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <Textarea
            label={t('options.own')}
            description={t('options.ownText')}
            value={own}
            onChange={(event) => setOwn(event.currentTarget.value)}
            rows={4}
            styles={{ input: { fontFamily: 'monospace' } }}
            placeholder='[{"name": "WhitespaceTokenizer"}]'
          />
          <Textarea
            label={t('options.policies')}
            description={t('options.ownText')}
            value={policies}
            onChange={(event) => setPolicies(event.currentTarget.value)}
            rows={4}
            styles={{ input: { fontFamily: 'monospace' } }}
            placeholder='[{"name": "RulePolicy"}]'
          />
        </SimpleGrid>
        <Group>
          <Button type="submit" loading={change.isPending}>
            {t('save')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}

export default function Process() {
  const { t } = useTranslation();
  const bot = useThisBot();
  const api = useApi();
  const navigate = useNavigate();
  const remove = useAct({ run: () => api.deleteBot(bot.appId), stale: [['bots']], done: () => void navigate('/') });
  return (
    <Stack>
      <Title order={2} size="h4">
        {t('process.title')}
      </Title>
      <ProcessCard bot={bot} />
      <Title order={2} size="h4" mt="md">
        {t('options.title')}
      </Title>
      <Guarded right="build" on={bot.appId}>
        <OptionsCard key={bot.appId} bot={bot} />
      </Guarded>
      <Only right="own" on={bot.appId}>
        <SureButton
          label={t('bot.delete')}
          title={t('bot.delete')}
          text={t('bot.deleteText', { name: bot.name })}
          act={() => remove.mutateAsync()}
          button={{ color: 'red', variant: 'light', style: { alignSelf: 'start' } }}
        />
      </Only>
    </Stack>
  );
}
