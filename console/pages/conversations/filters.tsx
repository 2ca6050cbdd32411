/** What the list of conversations is narrowed down to; it stands in the address, so that a list can be handed on. */
import { Button, Group, Popover, Select, Stack, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { ConversationFilter } from '../../api-conversations';
import { useAddress } from '../../parts/address';
import { channelName } from '../../parts/facts';
import { Icon } from '../../parts/icons';

const names = [
  'text',
  'channel',
  'intent',
  'maxConfidence',
  'review',
  'tag',
  'agent',
  'waiting',
  'from',
  'to',
] as const;
type Name = (typeof names)[number];
const typingMs = 300;

/** `given`: as it stands in the address. */
export function useFilter() {
  const { search, change } = useAddress();
  const given = Object.fromEntries(names.map((name) => [name, search.get(name) ?? ''])) as Record<Name, string>;
  const dayStart = given.from && new Date(`${given.from}T00:00:00`).toISOString();
  const dayEnd = given.to && new Date(`${given.to}T23:59:59.999`).toISOString();
  const filter: ConversationFilter = { ...given, from: dayStart, to: dayEnd };
  return { given, filter, change, any: names.some((name) => given[name] !== '') };
}
export type Filtering = ReturnType<typeof useFilter>;

const channels = ['web', 'slack', 'telegram', 'teams', 'rest'];

/** A field that is looked for when nobody has typed for a moment. */
function Words({
  name,
  label,
  type = 'text',
  filtering,
}: {
  name: Name;
  label: string;
  type?: string;
  filtering: Filtering;
}) {
  const [text, setText] = useState(filtering.given[name]);
  const look = useDebouncedCallback((value: string) => filtering.change({ [name]: value.trim() }), typingMs);
  return (
    <TextInput
      type={type}
      label={label}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        look(event.currentTarget.value);
      }}
      size="xs"
    />
  );
}

function More({ filtering }: { filtering: Filtering }) {
  const { t } = useTranslation();
  const { given, change } = filtering;
  return (
    <Stack gap="xs">
      <Select
        size="xs"
        label={t('talk.channel')}
        data={channels.map((name) => ({ value: name, label: channelName(name) }))}
        value={given.channel || null}
        onChange={(value) => change({ channel: value ?? '' })}
        clearable
        comboboxProps={{ withinPortal: false }}
      />
      <Select
        size="xs"
        label={t('talk.review')}
        data={(['unread', 'reviewed', 'saved_for_later'] as const).map((value) => ({
          value,
          label: t(`review.${value}`),
        }))}
        value={given.review || null}
        onChange={(value) => change({ review: value ?? '' })}
        clearable
        comboboxProps={{ withinPortal: false }}
      />
      <Words name="intent" label={t('try.intent')} filtering={filtering} />
      <Words name="maxConfidence" label={t('talk.unsure')} type="number" filtering={filtering} />
      <Words name="tag" label={t('talk.tag')} filtering={filtering} />
      <Words name="agent" label={t('talk.agent')} filtering={filtering} />
      <Group gap="xs" grow>
        <Words name="from" label={t('from')} type="date" filtering={filtering} />
        <Words name="to" label={t('to')} type="date" filtering={filtering} />
      </Group>
    </Stack>
  );
}

export function Filters({ filtering }: { filtering: Filtering }) {
  const { t } = useTranslation();
  const { given, change, any } = filtering;
  const [text, setText] = useState(given.text);
  const look = useDebouncedCallback((value: string) => change({ text: value.trim() }), typingMs);
  const count = names.filter((name) => name !== 'text' && name !== 'waiting' && given[name] !== '').length;
  return (
    <Stack gap="xs" p="xs">
      <TextInput
        size="xs"
        aria-label={t('talk.find')}
        placeholder={t('talk.find')}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          look(event.currentTarget.value);
        }}
        leftSection={<Icon name="search" size={14} />}
        maxLength={500}
      />
      <Group gap="xs">
        <Button
          size="compact-xs"
          variant={given.waiting === 'true' ? 'filled' : 'default'}
          aria-pressed={given.waiting === 'true'}
          onClick={() => change({ waiting: given.waiting === 'true' ? '' : 'true' })}
        >
          {t('talk.waiting')}
        </Button>
        <Popover width={260} position="bottom-start" withArrow trapFocus returnFocus>
          <Popover.Target>
            <Button size="compact-xs" variant={count > 0 ? 'filled' : 'default'}>
              {t('talk.filters', { count })}
            </Button>
          </Popover.Target>
          <Popover.Dropdown>
            <More filtering={filtering} />
          </Popover.Dropdown>
        </Popover>
        {any && (
          <Button
            size="compact-xs"
            variant="subtle"
            onClick={() => {
              setText('');
              change(Object.fromEntries(names.map((name) => [name, ''])));
            }}
          >
            {t('talk.all')}
          </Button>
        )}
      </Group>
    </Stack>
  );
}
