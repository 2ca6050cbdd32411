/** One pair: the ways to ask, the answer, and what goes with it. */
import { ActionIcon, Alert, Button, Drawer, Group, JsonInput, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { Finding, PairWire } from '../../api';
import { Icon } from '../../parts/icons';
import { LanguageSelect } from '../../parts/languages';
import { Guarded } from '../../parts/only';
import { remarkOf } from '../../parts/remarks';
import { useThisBot } from '../bot';

interface ButtonWire {
  title: string;
  payload: string;
}
interface Fields {
  questions: string;
  text: string;
  image: string;
  buttons: ButtonWire[];
  /** Empty: the bot's own. */
  language: string;
}
/** The pair in the form's fields; null when they cannot hold it: several messages, or a question of several lines. */
function fieldsOf({ Q, A, language = '' }: PairWire): Fields | null {
  if (Array.isArray(A) || Q.some(({ q }) => q.includes('\n'))) return null;
  const { text = '', image = '', buttons = [] } = typeof A === 'string' ? { text: A } : A;
  return { questions: Q.map(({ q }) => q).join('\n'), text, image, buttons, language };
}
function pairOf({ questions, text, image, buttons, language }: Fields): PairWire {
  const Q = questions
    .split('\n')
    .filter((q) => q.trim() !== '')
    .map((q) => ({ q }));
  const kept = buttons
    .filter(({ title }) => title.trim() !== '')
    .map(({ title, payload }) => ({ title, payload: payload.trim() === '' ? title : payload }));
  const spoken = language === '' ? {} : { language };
  if (image.trim() === '' && kept.length === 0) return { Q, A: text, ...spoken };
  return {
    Q,
    ...spoken,
    A: {
      ...(text.trim() === '' ? {} : { text }),
      ...(image.trim() === '' ? {} : { image: image.trim() }),
      ...(kept.length === 0 ? {} : { buttons: kept }),
    },
  };
}
const isWhole = ({ questions, text, image }: Fields): boolean =>
  questions.trim() !== '' && (text.trim() !== '' || /^https?:\/\//.test(image.trim()));

interface EditorProps {
  /** Null: a new one. */
  pair: PairWire | null;
  findings: Finding[];
  save: (pair: PairWire) => void;
  remove: (() => void) | null;
  close: () => void;
}

export function Editor(props: EditorProps) {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { pair, findings, close } = props;
  const fields = fieldsOf(pair ?? { Q: [], A: '' });
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size="lg"
      lockScroll={false}
      title={t(pair ? 'pair.edit' : 'pair.new')}
      closeButtonProps={{ 'aria-label': t('close') }}
    >
      <Stack>
        {findings.map((finding) => (
          <Alert key={finding.detail} color="yellow" variant="light" icon={<Icon name="warning" />}>
            {remarkOf(finding)}
          </Alert>
        ))}
        <Guarded right="edit" on={appId}>
          {fields ? <Simple {...props} fields={fields} /> : <Raw {...props} />}
        </Guarded>
      </Stack>
    </Drawer>
  );
}

function Simple({ fields: first, save, remove, close }: EditorProps & { fields: Fields }) {
  const { t } = useTranslation();
  const { language: own } = useThisBot();
  const [fields, setFields] = useState(first);
  const set = (change: Partial<Fields>): void => setFields((before) => ({ ...before, ...change }));
  const setButton = (at: number, change: Partial<ButtonWire>): void =>
    set({ buttons: fields.buttons.map((one, index) => (index === at ? { ...one, ...change } : one)) });
  const done = (): void => {
    if (isWhole(fields)) save(pairOf(fields));
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        done();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) done();
      }}
    >
      <Stack>
        <Textarea
          label={t('pair.questions')}
          description={t('pair.questionsText')}
          value={fields.questions}
          onChange={(event) => set({ questions: event.currentTarget.value })}
          rows={8}
          data-autofocus
        />
        <LanguageSelect
          label={t('pair.language')}
          description={t('pair.languageText')}
          value={fields.language === '' ? own : fields.language}
          change={(language) => set({ language })}
          searchable
        />
        <Textarea
          label={t('pair.answer')}
          value={fields.text}
          onChange={(event) => set({ text: event.currentTarget.value })}
          rows={7}
        />
        <TextInput
          label={t('pair.image')}
          value={fields.image}
          onChange={(event) => set({ image: event.currentTarget.value })}
          placeholder="https://"
        />
        <div>
          <Text size="sm" fw={500}>
            {t('pair.buttons')}
          </Text>
          {fields.buttons.map((button, at) => (
            <Group key={at} gap="xs" mt="xs" wrap="nowrap">
              <TextInput
                aria-label={t('pair.buttonTitle')}
                placeholder={t('pair.buttonTitle')}
                value={button.title}
                onChange={(event) => setButton(at, { title: event.currentTarget.value })}
                flex={1}
              />
              <TextInput
                aria-label={t('pair.buttonPayload')}
                placeholder={t('pair.buttonPayload')}
                value={button.payload}
                onChange={(event) => setButton(at, { payload: event.currentTarget.value })}
                flex={1}
              />
              <ActionIcon
                variant="subtle"
                aria-label={t('remove')}
                onClick={() => set({ buttons: fields.buttons.toSpliced(at, 1) })}
              >
                <Icon name="trash" size={16} />
              </ActionIcon>
            </Group>
          ))}
          <Button
            size="xs"
            variant="subtle"
            mt="xs"
            onClick={() => set({ buttons: [...fields.buttons, { title: '', payload: '' }] })}
          >
            {t('pair.addButton')}
          </Button>
        </div>
        <Ends whole={isWhole(fields)} remove={remove} close={close} />
      </Stack>
    </form>
  );
}

function Ends({ whole, remove, close }: { whole: boolean; remove: (() => void) | null; close: () => void }) {
  const { t } = useTranslation();
  return (
    <Group justify="space-between">
      {remove ? (
        <Button variant="subtle" color="red" onClick={remove}>
          {t('remove')}
        </Button>
      ) : (
        <span />
      )}
      <Group>
        <Button variant="default" onClick={close}>
          {t('cancel')}
        </Button>
        <Button type="submit" disabled={!whole} title={whole ? '' : t('pair.unfinished')}>
          {t('save')}
        </Button>
      </Group>
    </Group>
  );
}

/** Pairs that the form cannot hold, as the API has them. */
function Raw({ pair, save, remove, close }: EditorProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(() => JSON.stringify({ ...{ Q: [], A: '' }, ...pair, id: undefined }, null, 2));
  const read = (): PairWire | null => {
    try {
      const { Q, A, language } = JSON.parse(text) as PairWire;
      return Array.isArray(Q) && Q.length > 0 && Q.every(({ q }) => typeof q === 'string' && q.trim() !== '')
        ? { Q, A, ...(language && { language }) }
        : null;
    } catch {
      return null;
    }
  };
  const made = read();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (made) save(made);
      }}
    >
      <Stack>
        <JsonInput
          label={t('pair.raw')}
          description={t('pair.rawText')}
          value={text}
          onChange={setText}
          rows={18}
          formatOnBlur
          error={made ? null : t('pair.unfinished')}
        />
        <Ends whole={made !== null} remove={remove} close={close} />
      </Stack>
    </form>
  );
}
