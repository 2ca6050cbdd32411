/** The answer to what was asked in vain: a new one, or one there is that should have come. */
import { Button, Checkbox, Group, SegmentedControl, Select, Stack, Text, Textarea } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { MissAnswer, MissWire } from '../../api-quality';
import { useFaq } from '../../queries';
import { wordsOf } from '../questions/grid';

/** An answer that is to be given. */
export interface Given {
  clusterId: string;
  body: MissAnswer;
}
/** So many wordings are chosen beforehand. */
const chosenFirst = 20;
/** So much like a question there is that its answer is the first choice. */
const clear = 0.8;

interface WordingsProps {
  texts: MissWire['texts'];
  chosen: string[];
  choose: (texts: string[]) => void;
}
function Wordings({ texts, chosen, choose }: WordingsProps) {
  const { t } = useTranslation();
  return (
    <Checkbox.Group label={t('miss.wordings')} description={t('miss.wordingsText')} value={chosen} onChange={choose}>
      <Stack gap={10} mt={6} className="sb-wordings">
        {texts.map(({ text, times }) => (
          <Checkbox
            key={text}
            size="xs"
            value={text}
            label={times > 1 ? t('miss.times', { text, count: times }) : text}
            styles={{ label: { overflowWrap: 'anywhere' } }}
          />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}

interface TopicProps {
  appId: string;
  value: string | null;
  change: (pairId: string | null) => void;
  label: string;
}
/** A pair of the FAQ, found by what it asks or answers. */
export function TopicChoice({ appId, value, change, label }: TopicProps) {
  const { t } = useTranslation();
  const { data } = useFaq(appId);
  const pairs = data?.pairs ?? [];
  const chosen = pairs.find(({ id }) => id === value);
  return (
    <Select
      label={label}
      placeholder={t('miss.find')}
      data={pairs.map(({ id, Q }) => ({ value: id, label: Q[0]?.q ?? id }))}
      value={value}
      onChange={change}
      searchable
      limit={50}
      allowDeselect={false}
      nothingFoundMessage={t('miss.noTopic')}
      {...(chosen && { description: wordsOf(chosen.A).slice(0, 200) })}
      inputWrapperOrder={['label', 'input', 'description', 'error']}
    />
  );
}

interface AnswerFormProps {
  miss: MissWire;
  appId: string;
  /** `more`: others follow before they are trained. */
  give: (given: Given, more: boolean) => void;
}
export function AnswerForm({ miss, appId, give }: AnswerFormProps) {
  const { t } = useTranslation();
  const { clusterId, texts, nearest } = miss;
  const [kind, setKind] = useState(nearest && nearest.similarity >= clear ? 'there' : 'new');
  const [answer, setAnswer] = useState('');
  const [pairId, setPairId] = useState(nearest?.pairId ?? null);
  const [chosen, setChosen] = useState(texts.slice(0, chosenFirst).map(({ text }) => text));
  const whole = chosen.length > 0 && (kind === 'new' ? answer.trim() !== '' : pairId !== null);
  const given = (): Given => ({
    clusterId,
    body: { questions: chosen, ...(kind === 'new' ? { answer: answer.trim() } : { pairId: pairId ?? '' }) },
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (whole) give(given(), false);
  };
  return (
    <form onSubmit={submit}>
      <Stack mt="sm" gap="sm">
        <SegmentedControl
          size="xs"
          aria-label={t('miss.kind')}
          value={kind}
          onChange={setKind}
          data={[
            { value: 'new', label: t('miss.new') },
            { value: 'there', label: t('miss.there') },
          ]}
          style={{ alignSelf: 'flex-start' }}
        />
        {kind === 'new' ? (
          <Textarea
            label={t('pair.answer')}
            value={answer}
            onChange={(event) => setAnswer(event.currentTarget.value)}
            autosize
            minRows={2}
            maxRows={10}
            maxLength={20_000}
            data-autofocus
          />
        ) : (
          <TopicChoice appId={appId} value={pairId} change={setPairId} label={t('miss.topic')} />
        )}
        <Wordings texts={texts} chosen={chosen} choose={setChosen} />
        <Group gap="xs">
          <Button type="submit" size="compact-md" disabled={!whole}>
            {t('miss.give')}
          </Button>
          <Button size="compact-md" variant="default" disabled={!whole} onClick={() => give(given(), true)}>
            {t('miss.next')}
          </Button>
          {!whole && (
            <Text size="xs" className="sb-quiet">
              {t('miss.unfinished')}
            </Text>
          )}
        </Group>
      </Stack>
    </form>
  );
}
