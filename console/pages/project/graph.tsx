/** What the stories and rules say, as one picture: from the left, where conversations begin, to the right. */
import { Alert, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

import { Empty, Loading, Problem } from '../../parts/said';
import { useApi } from '../../session';
import { type Branch, storiesIn } from './stories';

/** Nested lists, drawn beside each other: read aloud they are the same tree. */
function Branches({ branches }: { branches: Branch[] }) {
  const { t } = useTranslation();
  return (
    <ul className="sb-graph">
      {branches.map(({ step, names, next }) => (
        <li key={`${step.kind} ${step.words}`}>
          <span className="sb-step" data-kind={step.kind} title={names.join('\n')}>
            <small>{t(`step.${step.kind}`)}</small>
            {step.words}
            {next.length === 0 && <small className="sb-quiet">{names.join(', ')}</small>}
          </span>
          {next.length > 0 && <Branches branches={next} />}
        </li>
      ))}
    </ul>
  );
}

const isYaml = (path: string): boolean => /\.ya?ml$/.test(path);

export function Graph({ appId, paths }: { appId: string; paths: string[] }) {
  const { t } = useTranslation();
  const api = useApi();
  const wanted = paths.filter(isYaml);
  const { data, error, refetch } = useQuery({
    queryKey: ['file', appId, 'all', wanted],
    queryFn: () => Promise.all(wanted.map(async (path) => ({ path, text: await api.readFile(appId, path) }))),
  });
  const stories = useMemo(() => data && storiesIn(data), [data]);
  if (error) return <Problem error={error} retry={refetch} />;
  if (!stories) return <Loading />;
  return (
    <>
      {stories.broken.length > 0 && (
        <Alert color="yellow" variant="light" mb="sm">
          {t('graph.broken', { paths: stories.broken.join(', ') })}
        </Alert>
      )}
      {stories.count === 0 ? (
        <Empty icon="graph" title={t('graph.none')} text={t('graph.noneText')} />
      ) : (
        <>
          <Text size="sm" className="sb-quiet" mb="xs">
            {t('graph.count', { count: stories.count })}
          </Text>
          <div className="sb-graph-box" tabIndex={0} role="region" aria-label={t('graph.title')}>
            <Branches branches={stories.branches} />
          </div>
        </>
      )}
    </>
  );
}
