/** A bot's Rasa project: its files, what Rasa's validator says of them, and its stories as a picture. */
import { Alert, Button, Group, SegmentedControl, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';

import type { ProjectFinding } from '../../api-project';
import { useAct } from '../../parts/act';
import { Only } from '../../parts/only';
import { ProjectFindings } from '../../parts/project-findings';
import { Empty, Heading, Loading, Problem } from '../../parts/said';
import { useApi, useMay } from '../../session';
import { useThisBot } from '../bot';
import { useAskBeforeLosing, useDrafts } from './drafts';
import { ProjectFile } from './file';
import { Graph } from './graph';
import { type Folder, foldersOf, nameOf } from './paths';

interface TreeProps {
  folder: Folder;
  to: (path: string) => string;
  current: string;
  wrong: Set<string>;
  /** Paths of what is not saved. */
  unsaved: ReadonlySet<string>;
}
function Tree({ folder, to, current, wrong, unsaved }: TreeProps) {
  const { t } = useTranslation();
  return (
    <ul className="sb-tree">
      {folder.folders.map((inner) => (
        <li key={inner.name}>
          <span className="sb-quiet">{inner.name}/</span>
          <Tree folder={inner} to={to} current={current} wrong={wrong} unsaved={unsaved} />
        </li>
      ))}
      {folder.files.map((path) => (
        <li key={path}>
          <Link to={to(path)} aria-current={path === current ? 'page' : undefined}>
            {nameOf(path)}
            {unsaved.has(path) && (
              <span role="img" aria-label={t('project.unsaved')} title={t('project.unsaved')}>
                {' •'}
              </span>
            )}
            {wrong.has(path) && (
              <span className="sb-bad" title={t('project.error')}>
                {' '}
                ●
              </span>
            )}
          </Link>
        </li>
      ))}
    </ul>
  );
}

function NewFile({ appId, made }: { appId: string; made: (path: string) => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const [path, setPath] = useState('');
  const create = useAct({
    run: () => api.writeFile(appId, path.trim(), /\.ya?ml$/.test(path.trim()) ? 'version: "3.1"\n' : ''),
    done: () => {
      made(path.trim());
      setPath('');
    },
    stale: [['files', appId]],
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        size="xs"
        aria-label={t('project.path')}
        placeholder="data/stories.yml"
        value={path}
        onChange={(event) => setPath(event.currentTarget.value)}
        mt="sm"
      />
      <Button
        type="submit"
        size="compact-xs"
        variant="default"
        mt={4}
        loading={create.isPending}
        disabled={path.trim() === ''}
      >
        {t('project.new')}
      </Button>
    </form>
  );
}

/** `found`: what the validator said last. */
function useFindings(appId: string) {
  const api = useApi();
  const [findings, setFindings] = useState<ProjectFinding[] | null>(null);
  const ask = useAct({ run: () => api.validate(appId), done: (answer) => setFindings(answer.findings) });
  return { findings, setFindings, ask };
}

export default function Project() {
  const { t } = useTranslation();
  const api = useApi();
  const { appId, pipeline } = useThisBot();
  const navigate = useNavigate();
  const { '*': path = '' } = useParams();
  const [view, setView] = useState('files');
  const { findings, setFindings, ask } = useFindings(appId);
  const { drafts } = useDrafts(appId);
  useAskBeforeLosing(drafts);
  const may = useMay();
  const { data: paths, error, refetch } = useQuery({ queryKey: ['files', appId], queryFn: () => api.files(appId) });
  const to = (file: string): string => `/bots/${appId}/project${file === '' ? '' : `/${file}`}`;
  const open = (file: string): void => void navigate(to(file));
  if (error) return <Problem error={error} retry={refetch} />;
  if (!paths) return <Loading />;
  const wrong = new Set(findings?.flatMap((one) => (one.severity === 'error' && one.path !== null ? [one.path] : [])));
  return (
    <>
      <Heading title={t('nav.project')} text={t('project.text')} order={2}>
        <SegmentedControl
          aria-label={t('project.view')}
          value={view}
          onChange={setView}
          data={(['files', 'graph'] as const).map((value) => ({ value, label: t(`project.${value}`) }))}
        />
        {may('edit', appId) && paths.length > 0 && (
          <Button variant="default" loading={ask.isPending} onClick={() => ask.mutate()}>
            {t('project.validate')}
          </Button>
        )}
      </Heading>
      {pipeline !== 'project' && paths.length > 0 && (
        <Alert variant="light" color="blue" mb="sm">
          {t('project.other', { pipeline: t(`pipeline.${pipeline}`) })}
        </Alert>
      )}
      {findings?.length === 0 && (
        <Text size="sm" mb="sm" role="status">
          {t('project.fine')}
        </Text>
      )}
      {findings && findings.length > 0 && <ProjectFindings appId={appId} findings={findings} />}
      {view === 'graph' ? (
        <Graph appId={appId} paths={paths} />
      ) : (
        <Group align="flex-start" wrap="nowrap" gap="md" className="sb-project">
          <nav aria-label={t('project.files')}>
            <Tree
              folder={foldersOf(paths)}
              to={to}
              current={path}
              wrong={wrong}
              unsaved={new Set(Object.keys(drafts))}
            />
            <Only right="build" on={appId}>
              <NewFile appId={appId} made={open} />
            </Only>
          </nav>
          <div style={{ flex: 1, minWidth: 0 }}>
            {path === '' ? (
              <Empty
                icon="graph"
                title={t(paths.length === 0 ? 'project.none' : 'project.choose')}
                text={t(paths.length === 0 ? 'project.noneText' : 'project.chooseText')}
              />
            ) : (
              <ProjectFile
                key={path}
                appId={appId}
                path={path}
                findings={findings}
                found={setFindings}
                gone={() => open('')}
              />
            )}
          </div>
        </Group>
      )}
    </>
  );
}
