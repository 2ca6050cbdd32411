/** Trainings of a bot and the versions they made. */
import { Anchor, Button, Card, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { JobWire } from '../api';
import { useAct } from '../parts/act';
import { isOver, JobBadge, JobBar, When } from '../parts/facts';
import { Only } from '../parts/only';
import { titleOfCode } from '../parts/remarks';
import { Empty, Loading, Problem } from '../parts/said';
import { useJobs } from '../queries';
import { useApi, useMay } from '../session';
import { useThisBot } from './bot';
import { Versions } from './versions';

/** The log of a training, line by line as it is written. */
function JobLog({ jobId }: { jobId: string }) {
  const { t } = useTranslation();
  const api = useApi();
  const [lines, setLines] = useState<string[]>([]);
  const end = useRef<HTMLPreElement>(null);
  useEffect(() => {
    const ended = new AbortController();
    setLines([]);
    const follow = async (): Promise<void> => {
      for await (const job of api.watchJob(jobId, ended.signal))
        setLines((before) => [...before, ...job.lines].slice(-2000));
    };
    follow().catch((error: unknown) => !ended.signal.aborted && setLines((before) => [...before, String(error)]));
    return () => ended.abort();
  }, [api, jobId]);
  useEffect(() => void end.current?.scrollTo({ top: end.current.scrollHeight }), [lines]);
  return (
    <pre ref={end} className="sb-log" tabIndex={0} aria-label={t('training.log')}>
      {lines.length === 0 ? t('training.noLog') : lines.join('\n')}
    </pre>
  );
}

function seconds({ startedAt, endedAt }: JobWire): string {
  if (startedAt === null || endedAt === null) return '–';
  return `${((Date.parse(endedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s`;
}

function Job({ job, shown, toggle }: { job: JobWire; shown: boolean; toggle: () => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const may = useMay();
  const cancel = useAct({
    run: () => api.cancel(job.jobId),
    stale: [
      ['jobs', job.appId],
      ['bot', job.appId],
    ],
  });
  return (
    <>
      <Table.Tr>
        <Table.Td>
          <When at={job.createdAt} />
        </Table.Td>
        <Table.Td miw={180}>
          {isOver(job) ? <JobBadge job={job} /> : <JobBar job={job} />}
          {job.error && (
            <Text size="xs" c="red" mt={4}>
              {titleOfCode(job.error.code) ?? t('job.failed')}
              <br />
              {job.error.message}
            </Text>
          )}
        </Table.Td>
        <Table.Td>{job.by ?? '–'}</Table.Td>
        <Table.Td ta="end">{seconds(job)}</Table.Td>
        <Table.Td>
          <Group gap="xs" justify="flex-end" wrap="nowrap">
            {!isOver(job) && may('edit', job.appId) && (
              <Button size="compact-sm" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
                {t('training.cancel')}
              </Button>
            )}
            <Anchor component="button" size="sm" onClick={toggle} aria-expanded={shown}>
              {t('training.log')}
            </Anchor>
          </Group>
        </Table.Td>
      </Table.Tr>
      {shown && (
        <Table.Tr>
          <Table.Td colSpan={5}>
            {job.error?.detail && (
              <Text size="sm" mb="xs">
                {job.error.detail}
              </Text>
            )}
            <JobLog jobId={job.jobId} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function Jobs() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { data: jobs, error, refetch } = useJobs(appId);
  const [shown, setShown] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  if (error) return <Problem error={error} retry={refetch} />;
  if (!jobs) return <Loading />;
  if (jobs.length === 0) return <Empty icon="training" title={t('training.none')} text={t('training.noneText')} />;
  return (
    <Card withBorder p={0}>
      <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('training.asked')}</Table.Th>
              <Table.Th>{t('home.state')}</Table.Th>
              <Table.Th>{t('training.by')}</Table.Th>
              <Table.Th ta="end">{t('training.took')}</Table.Th>
              <Table.Th ta="end">{t('training.more')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {(all ? jobs : jobs.slice(0, 5)).map((job) => (
              <Job
                key={job.jobId}
                job={job}
                shown={shown === job.jobId}
                toggle={() => setShown(shown === job.jobId ? null : job.jobId)}
              />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {jobs.length > 5 && !all && (
        <Button variant="subtle" onClick={() => setAll(true)}>
          {t('more')}
        </Button>
      )}
    </Card>
  );
}

export default function Training() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2} size="h4">
          {t('training.jobs')}
        </Title>
        <Only right="edit" on={appId}>
          <Anchor component={Link} size="sm" to={`/bots/${appId}/findings`}>
            {t('found.next')}
          </Anchor>
        </Only>
      </Group>
      <Jobs />
      <Title order={2} size="h4" mt="md">
        {t('versions.title')}
      </Title>
      <Versions />
    </Stack>
  );
}
