/** What is wrong with a version of a bot, or with what a training would take now: the linter, the training and the validator in one place. */
import { Alert, Anchor, Badge, Button, Card, Group, Select, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { FoundWire } from '../api-quality';
import { useAddress } from '../parts/address';
import { Icon } from '../parts/icons';
import { ProjectFindings } from '../parts/project-findings';
import { noteOf, remarkOf, titleOfCode } from '../parts/remarks';
import { Empty, Heading, Loading, Problem } from '../parts/said';
import { useVersionChoices } from '../parts/versions';
import { useFaq } from '../queries';
import { useApi } from '../session';
import { useThisBot } from './bot';

type PairFinding = FoundWire['pairs'][number];
/** What people never get comes first, good advice last. */
const kinds = [
  ...(['no_question', 'empty_answer', 'never_reached', 'near_duplicate', 'alike'] as const),
  ...(['broken_link', 'broken_braces', 'other_language', 'single_question'] as const),
];
/** In these the finding itself names the place; the others are said by their two questions. */
const detailed = ['broken_link', 'broken_braces'];
const fewItems = 20;
const lookMs = 3000;
/** So often it is asked again for what is still being compared. */
const mostLooks = 10;

function useFound(appId: string, version: string | null) {
  const api = useApi();
  return useQuery({
    queryKey: ['findings', appId, version],
    queryFn: () => api.findings(appId, version),
    refetchInterval: ({ state }) => (state.data?.whole === false && state.dataUpdateCount < mostLooks ? lookMs : false),
  });
}

interface PartProps {
  title: string;
  text: string;
  count: number;
  children: ReactNode;
}
function Part({ title, text, count, children }: PartProps) {
  return (
    <Card withBorder component="section" aria-label={title}>
      <Group gap="xs">
        <Title order={3} size="h5">
          {title}
        </Title>
        <Badge variant="default">{count}</Badge>
      </Group>
      <Text size="sm" className="sb-quiet" mb="xs">
        {text}
      </Text>
      {children}
    </Card>
  );
}

/** A list of which the first are shown at once. */
function Some<T>({ items, row }: { items: readonly T[]; row: (item: T) => ReactNode }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  return (
    <>
      <Stack gap={6} component="ul" className="sb-list">
        {(all ? items : items.slice(0, fewItems)).map((item, at) => (
          <li key={at}>{row(item)}</li>
        ))}
      </Stack>
      {items.length > fewItems && !all && (
        <Button size="compact-sm" variant="subtle" mt="xs" onClick={() => setAll(true)}>
          {t('more')}
        </Button>
      )}
    </>
  );
}

/** The question of a pair; the way to it, while it is there. */
function Question({ words, pairId, there }: { words: string; pairId: string | undefined; there: ReadonlySet<string> }) {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const text = words.trim() === '' ? t('found.unasked') : words;
  if (pairId === undefined || !there.has(pairId)) return <>{text}</>;
  return (
    <Anchor component={Link} to={`/bots/${appId}?pair=${encodeURIComponent(pairId)}`} size="sm">
      {text}
    </Anchor>
  );
}

function Pairs({ found, there }: { found: FoundWire; there: ReadonlySet<string> }) {
  const { t } = useTranslation();
  const row = (finding: PairFinding): ReactNode => (
    <Text size="sm" component="div" style={{ overflowWrap: 'anywhere' }}>
      <span className="sb-quiet">{finding.row}</span>{' '}
      <Question words={finding.question} pairId={finding.pairId} there={there} />
      {finding.other !== undefined && (
        <>
          {' ↔ '}
          <span className="sb-quiet">{finding.other}</span>{' '}
          <Question words={finding.otherQuestion ?? ''} pairId={finding.otherPairId} there={there} />
        </>
      )}
      {detailed.includes(finding.kind) && (
        <Text size="xs" className="sb-quiet">
          {remarkOf(finding)}
        </Text>
      )}
    </Text>
  );
  return kinds.map((kind) => {
    const items = found.pairs.filter((one) => one.kind === kind);
    if (items.length === 0) return null;
    return (
      <Part key={kind} title={t(`found.kind.${kind}`)} text={t(`found.why.${kind}`)} count={items.length}>
        <Some items={items} row={row} />
      </Part>
    );
  });
}

/** What is looked for, where nothing was found. */
function Fine() {
  const { t } = useTranslation();
  return (
    <Empty icon="check" title={t('found.none')} text={t('found.noneText')}>
      <ul>
        {kinds.map((kind) => (
          <Text key={kind} size="sm" component="li">
            {t(`found.kind.${kind}`)}
          </Text>
        ))}
      </ul>
    </Empty>
  );
}

function Found({ found }: { found: FoundWire }) {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { data: faq } = useFaq(appId);
  const there = new Set(faq?.pairs.map(({ id }) => id));
  const { pairs, notes, refused, project, whole } = found;
  const count = pairs.length + notes.length + (project?.length ?? 0);
  return (
    <Stack gap="sm">
      <Text size="sm" className="sb-quiet" role="status">
        {t('found.count', { count })}
        {!whole && ` ${t('found.partly')}`}
      </Text>
      {refused !== null && (
        <Alert color="red" variant="light" icon={<Icon name="warning" />} title={t('found.refused')}>
          {titleOfCode(refused.code)}
          <Text size="xs" className="sb-quiet">
            {refused.message}
          </Text>
        </Alert>
      )}
      {count === 0 && refused === null && <Fine />}
      {project && project.length > 0 && (
        <Part title={t('found.project')} text={t('found.projectText')} count={project.length}>
          <ProjectFindings appId={appId} findings={project} />
        </Part>
      )}
      <Pairs found={found} there={there} />
      {notes.length > 0 && (
        <Part title={t('found.notes')} text={t('found.notesText')} count={notes.length}>
          <Some items={notes} row={(note) => <Text size="sm">{noteOf(note)}</Text>} />
        </Part>
      )}
    </Stack>
  );
}

export default function Findings() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { search, change } = useAddress();
  const version = search.get('version');
  const versions = useVersionChoices(appId);
  const { data, error, refetch } = useFound(appId, version);
  return (
    <>
      <Heading title={t('found.title')} text={t('found.text')} order={2}>
        <Select
          size="xs"
          w={280}
          aria-label={t('found.of')}
          data={[{ value: '', label: t('found.now') }, ...versions]}
          value={version ?? ''}
          onChange={(chosen) => change({ version: chosen ?? '' })}
          allowDeselect={false}
        />
        <Button component={Link} to={`/bots/${appId}`} size="xs" variant="default">
          {t('nav.questions')}
        </Button>
        <Button component={Link} to={`/bots/${appId}/training`} size="xs" variant="default">
          {t('nav.training')}
        </Button>
      </Heading>
      {error && <Problem error={error} retry={refetch} />}
      {!data && !error && <Loading />}
      {data && <Found key={version} found={data} />}
    </>
  );
}
