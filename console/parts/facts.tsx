/** Small facts: a bot's state, its channels, a training, sizes and times. */
import { Badge, Group, Progress, Text, Tooltip } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { BotWire, ChannelWire, JobWire } from '../api';

/** A size as people read it. */
export const sizeOf = (bytes: number): string =>
  bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(1)} GB`
    : bytes >= 2 ** 20 || bytes === 0
      ? `${Math.round(bytes / 2 ** 20)} MB`
      : `${Math.ceil(bytes / 2 ** 10)} kB`;
export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** When, in the reader's language. */
export function When({ at }: { at: string | null }) {
  const { i18n, t } = useTranslation();
  if (at === null) return <>{t('never')}</>;
  const text = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(at));
  return <time dateTime={at}>{text}</time>;
}

const stateColors = { asleep: 'gray', waking: 'yellow', awake: 'green', draining: 'gray', quarantined: 'red' };
/** The dot is an ornament: the word beside it says the same. */
export function Dot({ color }: { color: string }) {
  return (
    <span
      aria-hidden
      style={{
        display: 'inline-block',
        width: 9,
        height: 9,
        borderRadius: 9,
        background: `var(--mantine-color-${color}-6)`,
      }}
    />
  );
}
export function StateOf({ bot }: { bot: Pick<BotWire, 'state' | 'reason'> }) {
  const { t } = useTranslation();
  return (
    <Group gap={6} wrap="nowrap" title={bot.reason ?? ''}>
      <Dot color={stateColors[bot.state]} />
      <Text size="sm">{t(`state.${bot.state}`)}</Text>
    </Group>
  );
}

export const channelName = (name: string): string =>
  ({ slack: 'Slack', telegram: 'Telegram', teams: 'Microsoft Teams', web: 'Web', rest: 'REST' })[name] ?? name;

/** Green: works; red: its last error is newer than its last message; grey: not set up. */
export function channelHealth({ on, lastErrorAt, lastEventAt }: ChannelWire): 'green' | 'red' | 'gray' {
  if (!on) return 'gray';
  return lastErrorAt !== null && (lastEventAt === null || lastErrorAt > lastEventAt) ? 'red' : 'green';
}
export function ChannelDots({ channels }: { channels: ChannelWire[] }) {
  const { t } = useTranslation();
  return (
    <Group gap={10}>
      {channels
        .filter(({ on }) => on)
        .map((channel) => {
          const health = channelHealth(channel);
          return (
            <Tooltip key={channel.name} label={channel.lastError ?? t(`health.${health}`)} multiline maw={320}>
              <Group gap={5} wrap="nowrap">
                <Dot color={health} />
                <Text size="xs">{channelName(channel.name)}</Text>
              </Group>
            </Tooltip>
          );
        })}
    </Group>
  );
}

export const isOver = ({ state }: JobWire): boolean => !['queued', 'running', 'evaluating'].includes(state);
const jobColors: Record<JobWire['state'], string> = {
  queued: 'gray',
  running: 'blue',
  evaluating: 'blue',
  done: 'green',
  failed: 'red',
  cancelled: 'gray',
  superseded: 'gray',
};
export function JobBadge({ job }: { job: JobWire }) {
  const { t } = useTranslation();
  return (
    <Badge
      color={jobColors[job.state]}
      variant="light"
      autoContrast
      tt="none"
      styles={{ label: { color: 'var(--mantine-color-text)' } }}
    >
      {t(`job.${job.state}`)}
    </Badge>
  );
}
/** A training that waits or runs: its bar, stage and how long still. */
export function JobBar({ job }: { job: JobWire }) {
  const { t } = useTranslation();
  const waits = job.state === 'queued';
  const left = waits ? job.startsIn : job.eta;
  const words = waits
    ? job.position === null
      ? t('job.queued')
      : t('job.place', { place: job.position })
    : `${Math.round(job.percent)} % ${job.stage}`;
  return (
    <div>
      <Progress
        value={waits ? 0 : job.percent}
        aria-label={t('training.progress')}
        size="sm"
        transitionDuration={200}
      />
      <Text size="xs" className="sb-quiet" mt={4}>
        {words}
        {left === null ? '' : ` · ${t('job.left', { count: Math.max(1, Math.round(left)) })}`}
      </Text>
    </div>
  );
}
