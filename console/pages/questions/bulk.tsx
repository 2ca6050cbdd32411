/** What is done to many pairs at once, and tables that come from elsewhere. */
import { Alert, Button, FileButton, Group, Modal, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { AnswerWire, FaqImport, StoredPairWire } from '../../api';
import { readingOf } from '../../parts/remarks';
import { Problem } from '../../parts/said';

/** The first of them with the questions of all; its answer stands. */
export function merged(pairs: StoredPairWire[], chosen: ReadonlySet<string>): StoredPairWire[] {
  const together = pairs.filter(({ id }) => chosen.has(id));
  const questions = [...new Set(together.flatMap(({ Q }) => Q.map(({ q }) => q)))];
  const [first] = together;
  if (!first) return pairs;
  const whole = { ...first, Q: questions.map((q) => ({ q })) };
  return pairs
    .filter(({ id }) => id === first.id || !chosen.has(id))
    .map((pair) => (pair.id === first.id ? whole : pair));
}

function inAnswer(answer: AnswerWire, change: (text: string) => string): AnswerWire {
  if (typeof answer === 'string') return change(answer);
  if (Array.isArray(answer))
    return answer.map((part) => (part.text === undefined ? part : { ...part, text: change(part.text) }));
  return answer.text === undefined ? answer : { ...answer, text: change(answer.text) };
}
/** `from` by `to` in questions and answers, but never so that nothing is left of one. */
export function replaced(pair: StoredPairWire, from: string, to: string): StoredPairWire {
  const change = (text: string): string => {
    const next = text.replaceAll(from, () => to);
    return next.trim() === '' ? text : next;
  };
  return { ...pair, Q: pair.Q.map(({ q }) => ({ q: change(q) })), A: inAnswer(pair.A, change) };
}

interface ReplaceProps {
  count: number;
  go: (from: string, to: string) => void;
  close: () => void;
}
export function ReplaceDialog({ count, go, close }: ReplaceProps) {
  const { t } = useTranslation();
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  return (
    <Modal
      opened
      onClose={close}
      title={t('bulk.replaceIn', { count })}
      closeButtonProps={{ 'aria-label': t('close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go(from, to);
        }}
      >
        <Stack>
          <TextInput
            label={t('bulk.from')}
            value={from}
            onChange={(event) => setFrom(event.currentTarget.value)}
            data-autofocus
          />
          <TextInput label={t('bulk.to')} value={to} onChange={(event) => setTo(event.currentTarget.value)} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('cancel')}
            </Button>
            <Button type="submit" disabled={from === ''}>
              {t('bulk.replace')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

interface ImportProps {
  /** What was pasted into the page. */
  pasted: string;
  read: (table: Uint8Array) => Promise<FaqImport>;
  close: () => void;
}
export function ImportDialog({ pasted, read, close }: ImportProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(pasted);
  const [problem, setProblem] = useState<unknown>(null);
  const [done, setDone] = useState<FaqImport | null>(null);
  const [busy, setBusy] = useState(false);
  const go = async (table: Uint8Array): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      setDone(await read(table));
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const take = (file: File | null): void => {
    if (file) void file.arrayBuffer().then((bytes) => go(new Uint8Array(bytes)));
  };
  return (
    <Modal opened onClose={close} size="lg" title={t('import.title')} closeButtonProps={{ 'aria-label': t('close') }}>
      {done ? (
        <Stack>
          <Alert color="green" variant="light" role="status" title={t('import.done', { count: done.pairs })}>
            {done.read.map((reading) => (
              <Text key={reading.kind} size="sm">
                {readingOf(reading)}
              </Text>
            ))}
          </Alert>
          <Group justify="flex-end">
            <Button onClick={close}>{t('close')}</Button>
          </Group>
        </Stack>
      ) : (
        <Stack>
          <Textarea
            label={t('new.paste')}
            description={t('new.pasteText')}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            placeholder={t('new.pasteHint')}
            rows={10}
            data-autofocus
          />
          {problem !== null && <Problem error={problem} />}
          <Group justify="space-between">
            <FileButton onChange={take} accept=".csv,.tsv,.txt,.xlsx,.json">
              {(props) => (
                <Button {...props} variant="default" loading={busy}>
                  {t('new.file')}
                </Button>
              )}
            </FileButton>
            <Button
              loading={busy}
              disabled={text.trim() === ''}
              onClick={() => void go(new TextEncoder().encode(text))}
            >
              {t('import.go')}
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
