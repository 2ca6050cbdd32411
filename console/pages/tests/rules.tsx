/** What a new version must pass before it answers. */
import { Button, Card, Group, NumberInput, Stack, Switch, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { GateWire } from '../../api-quality';
import { tell, useAct } from '../../parts/act';
import { Guarded } from '../../parts/only';
import { Loading, Problem } from '../../parts/said';
import { useApi } from '../../session';
import { useThisBot } from '../bot';

interface LimitProps {
  label: string;
  help: string;
  value: number | null;
  change: (value: number | null) => void;
  max: number;
  suffix?: string;
  /** False: it may not be empty. */
  optional?: boolean;
}
function Limit({ label, help, value, change, max, suffix = ' %', optional = true }: LimitProps) {
  return (
    <NumberInput
      label={label}
      description={help}
      value={value ?? ''}
      onChange={(given) => (given === '' ? optional && change(null) : change(Number(given)))}
      min={0}
      max={max}
      suffix={suffix}
      inputWrapperOrder={['label', 'input', 'description', 'error']}
    />
  );
}

/** Goes back by itself when the new version does badly. */
const backAtFirst = { errorPercent: 20, turns: 50, minutes: 60 };

type RollBack = GateWire['rollBack'];
function GoingBack({ rollBack, change }: { rollBack: RollBack; change: (value: RollBack) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Switch
        label={t('gate.rollBack')}
        description={t('gate.rollBackText')}
        checked={rollBack !== null}
        onChange={(event) => change(event.currentTarget.checked ? backAtFirst : null)}
      />
      {rollBack && (
        <Group grow align="flex-start" preventGrowOverflow={false}>
          <Limit
            label={t('gate.errorPercent')}
            help={t('gate.errorPercentText')}
            value={rollBack.errorPercent}
            change={(value) => change({ ...rollBack, errorPercent: value ?? 0 })}
            max={100}
            optional={false}
          />
          <Limit
            label={t('gate.turns')}
            help={t('gate.turnsText')}
            value={rollBack.turns}
            change={(value) => change({ ...rollBack, turns: Math.max(1, value ?? 1) })}
            max={100_000}
            suffix=""
            optional={false}
          />
          <Limit
            label={t('gate.minutes')}
            help={t('gate.minutesText')}
            value={rollBack.minutes}
            change={(value) => change({ ...rollBack, minutes: Math.max(1, value ?? 1) })}
            max={10_080}
            suffix=""
            optional={false}
          />
        </Group>
      )}
    </>
  );
}

function RulesForm({ stored }: { stored: GateWire }) {
  const { t } = useTranslation();
  const api = useApi();
  const { appId } = useThisBot();
  const [gate, setGate] = useState(stored);
  const set = (change: Partial<GateWire>): void => setGate((before) => ({ ...before, ...change }));
  const put = useAct({
    run: () => api.putGate(appId, gate),
    stale: [['gate', appId]],
    done: () => tell('good', t('gate.saved')),
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    put.mutate();
  };
  const { closed, conversations, maxChangedPercent, minScore, rollBack } = gate;
  return (
    <Card withBorder component="form" onSubmit={submit}>
      <Stack>
        <Switch
          label={t('gate.closed')}
          description={t('gate.closedText')}
          checked={closed}
          onChange={(event) => set({ closed: event.currentTarget.checked })}
        />
        {closed && (
          <>
            <Group grow align="flex-start" preventGrowOverflow={false}>
              <Limit
                label={t('gate.conversations')}
                help={t('gate.conversationsText')}
                value={conversations}
                change={(value) => set({ conversations: value ?? 0 })}
                max={500}
                suffix=""
                optional={false}
              />
              <Limit
                label={t('gate.maxChanged')}
                help={t('gate.maxChangedText')}
                value={maxChangedPercent}
                change={(value) => set({ maxChangedPercent: value })}
                max={100}
              />
              <Limit
                label={t('gate.minScore')}
                help={t('gate.minScoreText')}
                value={minScore === null ? null : Math.round(minScore * 1000) / 10}
                change={(value) => set({ minScore: value === null ? null : value / 100 })}
                max={100}
              />
            </Group>
            <GoingBack rollBack={rollBack} change={(value) => set({ rollBack: value })} />
          </>
        )}
        <Group>
          <Button type="submit" loading={put.isPending}>
            {t('save')}
          </Button>
          <Text size="xs" className="sb-quiet">
            {t('gate.counts')}
          </Text>
        </Group>
      </Stack>
    </Card>
  );
}

export function Rules() {
  const api = useApi();
  const { appId } = useThisBot();
  const { data, error, refetch } = useQuery({ queryKey: ['gate', appId], queryFn: () => api.gate(appId) });
  if (error) return <Problem error={error} retry={refetch} />;
  if (!data) return <Loading />;
  return (
    <Guarded right="edit" on={appId}>
      <RulesForm stored={data} />
    </Guarded>
  );
}
