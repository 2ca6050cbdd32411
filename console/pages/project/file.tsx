/** One file of the project: its text, what is wrong with it, saving. */
import { Alert, Button, Group, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { HubRefusal } from '../../api';
import type { ProjectFinding } from '../../api-project';
import { SureButton, tell, useAct } from '../../parts/act';
import { Only } from '../../parts/only';
import { Loading, Problem } from '../../parts/said';
import { useApi, useMay } from '../../session';
import { Code, type Mark } from './code';
import { useDrafts } from './drafts';
import { nameOf } from './paths';

/** Why the hub refused the file, at its lines: `data/nlu.yml line 3: why`. */
function marksOf(error: unknown, path: string): Mark[] {
  if (!(error instanceof HubRefusal)) return [];
  const faults = error.problem.errors ?? [{ pointer: '/', detail: error.problem.detail }];
  return faults.map(({ detail }) => {
    const said = detail.startsWith(path) ? detail.slice(path.length).trim() : detail;
    const at = /^line (\d+): /.exec(said);
    return { line: Number(at?.[1] ?? 0), severity: 'error', message: at ? said.slice(at[0].length) : said };
  });
}

const marked = (findings: ProjectFinding[], path: string): Mark[] =>
  findings
    .filter((finding) => finding.path === path)
    .map(({ line, severity, message }) => ({ line: line ?? 0, severity, message }));

interface EditingProps {
  appId: string;
  path: string;
  stored: string;
  findings: ProjectFinding[] | null;
  found: (findings: ProjectFinding[] | null) => void;
}
function Editing({ appId, path, stored, findings, found }: EditingProps) {
  const { t } = useTranslation();
  const api = useApi();
  const may = useMay()('build', appId);
  const queries = useQueryClient();
  const { drafts, keep } = useDrafts(appId);
  const [first] = useState(drafts[path] ?? stored);
  const [text, setText] = useState(first);
  const newest = useRef(text);
  newest.current = text;
  const [kept, setKept] = useState(stored);
  const [refused, setRefused] = useState<unknown>(null);
  const save = useAct({
    run: (given: string) => api.writeFile(appId, path, given),
    done: (answer, given) => {
      setKept(given);
      keep(path, newest.current === given ? null : newest.current);
      setRefused(null);
      queries.setQueryData(['file', appId, path], given);
      found(answer.findings);
      tell('good', t('project.saved'), t('options.savedText'));
    },
    refused: setRefused,
    stale: [['file', appId, 'all']],
  });
  const marks = useMemo(
    () => (refused === null ? marked(findings ?? [], path) : marksOf(refused, path)),
    [refused, findings, path],
  );
  const changed = text !== kept;
  const change = (now: string): void => {
    setText(now);
    keep(path, now === kept ? null : now);
  };
  return (
    <>
      <Code
        label={path}
        text={first}
        isYaml={/\.ya?ml$/.test(path)}
        readOnly={!may}
        marks={marks}
        change={change}
        save={() => may && changed && save.mutate(text)}
      />
      {refused !== null && (
        <Alert color="red" variant="light" role="alert" mt="xs" title={t('project.notSaved')}>
          {marks.map(({ line, message }) => (
            <Text key={`${line} ${message}`} size="sm">
              {line > 0 ? `${t('project.line', { line })}: ` : ''}
              {message}
            </Text>
          ))}
          {marks.length === 0 && refused instanceof Error && <Text size="sm">{refused.message}</Text>}
        </Alert>
      )}
      <Only right="build" on={appId}>
        <Group mt="xs">
          <Button loading={save.isPending} disabled={!changed} onClick={() => save.mutate(text)}>
            {t('save')}
          </Button>
          <Text size="xs" className="sb-quiet" role="status">
            {t(changed ? 'project.unsaved' : 'saving.saved')}
          </Text>
        </Group>
      </Only>
    </>
  );
}

interface FileProps extends Omit<EditingProps, 'stored'> {
  gone: () => void;
}
export function ProjectFile({ appId, path, findings, found, gone }: FileProps) {
  const { t } = useTranslation();
  const api = useApi();
  const { data, error, refetch } = useQuery({
    queryKey: ['file', appId, path],
    queryFn: () => api.readFile(appId, path),
    // What is edited is not replaced under one's hands.
    staleTime: Infinity,
    gcTime: 0,
  });
  const { keep } = useDrafts(appId);
  const remove = useAct({
    run: () => api.removeFile(appId, path),
    done: () => {
      keep(path, null);
      gone();
    },
    stale: [['files', appId]],
  });
  if (error) return <Problem error={error} retry={refetch} />;
  if (data === undefined) return <Loading />;
  return (
    <>
      <Group justify="space-between" mb="xs">
        <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
          {path}
        </Text>
        <Only right="build" on={appId}>
          <SureButton
            label={t('remove')}
            title={t('project.remove')}
            text={t('project.removeText', { name: nameOf(path) })}
            act={() => remove.mutateAsync()}
            button={{ size: 'compact-sm' }}
          />
        </Only>
      </Group>
      <Editing key={path} appId={appId} path={path} stored={data} findings={findings} found={found} />
    </>
  );
}
