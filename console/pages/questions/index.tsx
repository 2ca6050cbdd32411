/** A bot's questions and answers. */
import { ActionIcon, Anchor, Button, Checkbox, Group, SegmentedControl, Select, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ClipboardEvent, type KeyboardEvent, useCallback, useDeferredValue, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { Faq, Finding, PairWire, StoredPairWire } from '../../api';
import { useAddress } from '../../parts/address';
import { Icon } from '../../parts/icons';
import { countsOf, useLanguageName } from '../../parts/languages';
import { Empty, Loading, Problem } from '../../parts/said';
import { Only } from '../../parts/only';
import { useApi, useMay } from '../../session';
import { useThisBot } from '../bot';
import { ImportDialog, merged, ReplaceDialog, replaced } from './bulk';
import { Conflict } from './conflict';
import { newPair, useDraft } from './draft';
import { Editor } from './editor';
import { Grid, type Row, wordsOf } from './grid';

export default function Questions() {
  const api = useApi();
  const { appId } = useThisBot();
  // Always asked anew: what is edited here must be the newest.
  const { data, error, refetch } = useQuery({
    queryKey: ['faq', appId],
    queryFn: () => api.faq(appId),
    gcTime: 0,
    staleTime: Infinity,
  });
  if (error) return <Problem error={error} retry={refetch} />;
  return data ? <Editing key={appId} loaded={data} /> : <Loading />;
}

/** The linter's remarks by row, of what is stored. */
function useRemarks(appId: string, etag: string): Map<number, Finding[]> {
  const api = useApi();
  const { data } = useQuery({
    queryKey: ['lint', appId, etag],
    queryFn: () => api.lint(appId),
    enabled: useMay()('edit', appId),
    placeholderData: (before) => before,
  });
  return useMemo(() => {
    const byRow = new Map<number, Finding[]>();
    for (const finding of data?.items ?? []) byRow.set(finding.row, [...(byRow.get(finding.row) ?? []), finding]);
    return byRow;
  }, [data]);
}

/** What is looked through, lower-cased once for each pair. */
function useRows(
  pairs: StoredPairWire[],
  remarks: Map<number, Finding[]>,
  wanted: { text: string; marked: boolean; language: string | null; own: string },
): Row[] {
  const all = useMemo(
    () =>
      pairs.map((pair) => ({
        pair,
        words: `${pair.Q.map(({ q }) => q).join('\n')}\n${wordsOf(pair.A)}`.toLowerCase(),
      })),
    [pairs],
  );
  const { text, marked, language, own } = wanted;
  return useMemo(() => {
    const words = text.trim().toLowerCase();
    return all
      .map(({ pair, words: has }, at) => ({ row: { pair, place: at + 1, findings: remarks.get(at + 1) ?? [] }, has }))
      .filter(({ row, has }) => has.includes(words) && (!marked || row.findings.length > 0))
      .filter(({ row }) => language === null || (row.pair.language ?? own) === language)
      .map(({ row }) => row);
  }, [all, remarks, text, marked, language, own]);
}

const inField = (target: EventTarget): boolean => (target as HTMLElement).matches('input, textarea, [contenteditable]');

function Editing({ loaded }: { loaded: Faq }) {
  const { t } = useTranslation();
  const api = useApi();
  const { appId, language: own } = useThisBot();
  const draft = useDraft(api, appId, loaded);
  const { pairs, apply } = draft;
  const mayEdit = useMay()('edit', appId);
  const { search, change } = useAddress();
  // A pair has an address: `?pair=`. One that is gone opens nothing.
  const asked = pairs.some(({ id }) => id === search.get('pair')) ? search.get('pair') : null;
  const [text, setText] = useState('');
  const [show, setShow] = useState('all');
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<
    { kind: 'pair'; id: string | null } | { kind: 'import'; pasted: string } | { kind: 'replace' } | null
  >(() => (asked === null ? null : { kind: 'pair', id: asked }));
  const remarks = useRemarks(appId, draft.etag);
  const [language, setLanguage] = useState<string | null>(null);
  const rows = useRows(pairs, remarks, {
    ...{ text: useDeferredValue(text), marked: show === 'marked', language, own },
  });
  const close = (): void => {
    setDialog(null);
    if (asked !== null) change({ pair: '' });
  };

  const open = useCallback((id: string) => setDialog({ kind: 'pair', id }), []);
  const select = useCallback(
    (id: string) =>
      setSelected((before) => {
        const next = new Set(before);
        if (!next.delete(id)) next.add(id);
        return next;
      }),
    [],
  );
  const allShown = rows.length > 0 && rows.every(({ pair }) => selected.has(pair.id));
  const keep = (id: string | null, pair: PairWire): void => {
    apply((all) => (id === null ? [newPair(pair), ...all] : all.map((one) => (one.id === id ? { ...pair, id } : one))));
    close();
  };
  const drop = (ids: ReadonlySet<string>): void => {
    apply((all) => all.filter(({ id }) => !ids.has(id)));
    setSelected(new Set());
    close();
  };
  const read = async (table: Uint8Array) => {
    await draft.save();
    const done = await api.importTable(appId, table);
    await draft.reload();
    return done;
  };
  const keys = (event: KeyboardEvent): void => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z' || inField(event.target)) return;
    event.preventDefault();
    if (event.shiftKey) draft.redo();
    else draft.undo();
  };
  const paste = (event: ClipboardEvent): void => {
    if (inField(event.target)) return;
    const pasted = event.clipboardData.getData('text/plain');
    if (pasted.trim() !== '' && mayEdit) setDialog({ kind: 'import', pasted });
  };
  const edited = dialog?.kind === 'pair' ? (pairs.find(({ id }) => id === dialog.id) ?? null) : null;
  return (
    <div onKeyDown={keys} onPaste={paste}>
      <Group mb="sm" gap="xs">
        <TextInput
          aria-label={t('grid.find')}
          placeholder={t('grid.find')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          leftSection={<Icon name="search" size={16} />}
          flex="1 1 180px"
        />
        <SegmentedControl
          size="xs"
          aria-label={t('grid.show')}
          value={show}
          onChange={setShow}
          data={[
            { value: 'all', label: t('grid.all', { count: pairs.length }) },
            { value: 'marked', label: t('grid.marked', { count: remarks.size }) },
          ]}
        />
        {remarks.size > 0 && (
          <Anchor component={Link} size="sm" to={`/bots/${appId}/findings`}>
            {t('found.all')}
          </Anchor>
        )}
        <Languages pairs={pairs} own={own} value={language} change={setLanguage} />
        <Only right="edit" on={appId}>
          <ActionIcon variant="default" size="lg" aria-label={t('undo')} disabled={!draft.canUndo} onClick={draft.undo}>
            <Icon name="undo" size={16} />
          </ActionIcon>
          <ActionIcon variant="default" size="lg" aria-label={t('redo')} disabled={!draft.canRedo} onClick={draft.redo}>
            <Icon name="redo" size={16} />
          </ActionIcon>
          <Button variant="default" onClick={() => setDialog({ kind: 'import', pasted: '' })}>
            {t('import.open')}
          </Button>
          <Button onClick={() => setDialog({ kind: 'pair', id: null })} leftSection={<Icon name="plus" size={16} />}>
            {t('pair.new')}
          </Button>
        </Only>
      </Group>
      <Conflict draft={draft} />
      {pairs.length === 0 ? (
        <Empty icon="questions" title={t('grid.none')} text={t('grid.noneText')} />
      ) : (
        <>
          <Group mb={6} gap="xs" mih={30}>
            <Checkbox
              size="xs"
              checked={allShown}
              onChange={() => setSelected(new Set(allShown ? [] : rows.map(({ pair }) => pair.id)))}
              label={t('grid.selected', { count: selected.size })}
            />
            {selected.size > 0 && mayEdit && (
              <>
                <Button size="compact-sm" variant="default" onClick={() => setDialog({ kind: 'replace' })}>
                  {t('bulk.replace')}
                </Button>
                <Button
                  size="compact-sm"
                  variant="default"
                  disabled={selected.size < 2}
                  onClick={() => {
                    apply((all) => merged(all, selected));
                    setSelected(new Set());
                  }}
                >
                  {t('bulk.merge')}
                </Button>
                <Button size="compact-sm" variant="default" onClick={() => drop(selected)}>
                  {t('remove')}
                </Button>
              </>
            )}
            <Text size="xs" className="sb-quiet" ms="auto" role="status">
              {t(`saving.${draft.saving}`)}
            </Text>
          </Group>
          <Grid rows={rows} selected={selected} open={open} select={select} />
        </>
      )}
      {dialog?.kind === 'pair' && (
        <Editor
          pair={edited}
          findings={rows.find(({ pair }) => pair.id === edited?.id)?.findings ?? []}
          save={(pair) => keep(dialog.id, pair)}
          remove={dialog.id === null || !mayEdit ? null : () => drop(new Set([dialog.id ?? '']))}
          close={close}
        />
      )}
      {dialog?.kind === 'import' && <ImportDialog pasted={dialog.pasted} read={read} close={close} />}
      {dialog?.kind === 'replace' && (
        <ReplaceDialog
          count={selected.size}
          go={(from, to) => {
            apply((all) => all.map((pair) => (selected.has(pair.id) ? replaced(pair, from, to) : pair)));
            close();
          }}
          close={close}
        />
      )}
    </div>
  );
}

interface LanguagesProps {
  pairs: StoredPairWire[];
  own: string;
  value: string | null;
  change: (language: string | null) => void;
}
/** Which language's pairs are shown, where there are several. */
function Languages({ pairs, own, value, change }: LanguagesProps) {
  const { t } = useTranslation();
  const name = useLanguageName();
  const counts = useMemo(() => countsOf(pairs, own), [pairs, own]);
  if (counts.size < 2) return null;
  return (
    <Select
      size="xs"
      w={170}
      aria-label={t('grid.language')}
      placeholder={t('grid.languages', { count: counts.size })}
      data={[...counts].map(([code, count]) => ({ value: code, label: `${name(code)} (${count})` }))}
      value={value}
      onChange={change}
      clearable
    />
  );
}
