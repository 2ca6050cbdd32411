/** A person answers in the bot's place: take over, speak, give back; answers at hand; how long people wait. */
import { ActionIcon, Button, Group, Menu, Modal, NumberInput, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type KeyboardEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { HubRefusal } from '../../api';
import type { ConversationWire, DeskWire } from '../../api-conversations';
import { SureButton, tellRefused, useAct } from '../../parts/act';
import { Icon } from '../../parts/icons';
import { Only } from '../../parts/only';
import { typedSince } from '../../parts/typed';
import { useApi, useSelf } from '../../session';

function useDesk(appId: string) {
  const api = useApi();
  return useQuery({ queryKey: ['desk', appId], queryFn: () => api.desk(appId), staleTime: 60_000 });
}

/** Take over, or give back. */
export function Holding({ appId, talk }: { appId: string; talk: ConversationWire }) {
  const { t } = useTranslation();
  const { api, me } = useSelf();
  const { state, agent } = talk.care;
  const stale = [['transcript', appId, talk.id], ['conversations', appId], ['waiting']];
  const take = useAct({
    run: (force: boolean) => api.takeOver(appId, talk.id, { agent: me.name, ...(force ? { force } : {}) }),
    stale,
  });
  const release = useAct({ run: () => api.release(appId, talk.id), stale });
  const mine = state === 'held' && agent === me.name;
  if (mine)
    return (
      <Button size="compact-sm" variant="default" loading={release.isPending} onClick={() => release.mutate()}>
        {t('talk.release')}
      </Button>
    );
  if (state === 'held')
    return (
      <SureButton
        label={t('talk.takeFrom')}
        title={t('talk.takeFrom')}
        text={t('talk.takeFromText', { name: agent })}
        act={() => take.mutateAsync(true)}
        button={{ size: 'compact-sm' }}
      />
    );
  return (
    <Button size="compact-sm" loading={take.isPending} onClick={() => take.mutate(false)}>
      {t('talk.take')}
    </Button>
  );
}

function Canned({ appId, choose }: { appId: string; choose: (text: string) => void }) {
  const { t } = useTranslation();
  const { data } = useDesk(appId);
  const canned = data?.canned ?? [];
  return (
    <Menu position="top-start" width={320} withinPortal>
      <Menu.Target>
        <Button size="compact-sm" variant="subtle">
          {t('talk.canned')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={320} style={{ overflowY: 'auto' }}>
        {canned.length === 0 && <Menu.Label>{t('talk.noCanned')}</Menu.Label>}
        {canned.map(({ title, text }) => (
          <Menu.Item key={title} onClick={() => choose(text)}>
            <Text size="sm" fw={600}>
              {title}
            </Text>
            <Text size="xs" lineClamp={2}>
              {text}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** Where the person who holds the conversation writes. */
export function Composer({ appId, talk }: { appId: string; talk: ConversationWire }) {
  const { t } = useTranslation();
  const { api, me } = useSelf();
  const queries = useQueryClient();
  const [text, setText] = useState('');
  const box = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLTextAreaElement>(null);
  /** Of what is being sent: sent again after no answer, it is said once. */
  const key = useRef(crypto.randomUUID());
  /** Not waited for: who writes on at once is not kept from sending. */
  const look = (): void => void queries.invalidateQueries({ queryKey: ['transcript', appId, talk.id] });
  const say = useAct({
    run: (words: string) => api.reply(appId, talk.id, { text: words, agent: me.name, key: key.current }),
    done: (_said, words) => {
      setText((now) => typedSince(words, now));
      key.current = crypto.randomUUID();
      // Who has gone on to something else meanwhile is left there.
      if (document.activeElement === document.body || box.current?.contains(document.activeElement))
        input.current?.focus();
      look();
    },
    refused: (error) => {
      // What the hub refused was not said: the next try is another one.
      if (error instanceof HubRefusal) key.current = crypto.randomUUID();
      tellRefused(error);
      look();
    },
  });
  const send = (): void => {
    if (text.trim() !== '' && !say.isPending) say.mutate(text.trim());
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <div ref={box} className="sb-composer">
      <Textarea
        ref={input}
        aria-label={t('talk.say')}
        placeholder={t('talk.say')}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={keys}
        maxLength={20_000}
        autosize
        minRows={1}
        maxRows={6}
        rightSection={
          <ActionIcon variant="subtle" aria-label={t('try.send')} loading={say.isPending} onClick={send}>
            <Icon name="send" size={16} />
          </ActionIcon>
        }
      />
      <Group justify="space-between" mt={4}>
        <Canned appId={appId} choose={(words) => setText((before) => (before === '' ? words : `${before} ${words}`))} />
        <Text size="xs" className="sb-quiet">
          {t('talk.enter')}
        </Text>
      </Group>
    </div>
  );
}

function DeskForm({ appId, desk, close }: { appId: string; desk: DeskWire; close: () => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const [wait, setWait] = useState<number | string>(desk.waitMinutes);
  const [back, setBack] = useState<number | string>(desk.returnMinutes);
  const [canned, setCanned] = useState(desk.canned);
  const put = useAct({
    run: () =>
      api.putDesk(appId, {
        waitMinutes: Number(wait),
        returnMinutes: Number(back),
        canned: canned.filter(({ title, text }) => title.trim() !== '' && text.trim() !== ''),
      }),
    done: close,
    stale: [['desk', appId]],
  });
  const set = (at: number, change: Partial<DeskWire['canned'][number]>): void =>
    setCanned((all) => all.map((one, place) => (place === at ? { ...one, ...change } : one)));
  return (
    <Stack>
      <Group grow>
        <NumberInput label={t('desk.wait')} value={wait} onChange={setWait} min={1} max={10_080} />
        <NumberInput label={t('desk.return')} value={back} onChange={setBack} min={1} max={10_080} />
      </Group>
      <Text size="sm" fw={500}>
        {t('talk.canned')}
      </Text>
      {canned.map((one, at) => (
        <Group key={at} align="flex-start" wrap="nowrap" gap="xs">
          <TextInput
            aria-label={t('desk.title')}
            placeholder={t('desk.title')}
            value={one.title}
            onChange={(event) => set(at, { title: event.currentTarget.value })}
            w={150}
          />
          <Textarea
            aria-label={t('desk.words')}
            placeholder={t('desk.words')}
            value={one.text}
            onChange={(event) => set(at, { text: event.currentTarget.value })}
            autosize
            minRows={1}
            maxRows={5}
            flex={1}
          />
          <ActionIcon variant="subtle" aria-label={t('remove')} onClick={() => setCanned(canned.toSpliced(at, 1))}>
            <Icon name="trash" size={16} />
          </ActionIcon>
        </Group>
      ))}
      <Group justify="space-between">
        <Button size="xs" variant="subtle" onClick={() => setCanned([...canned, { title: '', text: '' }])}>
          {t('desk.add')}
        </Button>
        <Button loading={put.isPending} onClick={() => put.mutate()}>
          {t('save')}
        </Button>
      </Group>
    </Stack>
  );
}

/** How long people wait, and the answers at hand. */
export function DeskButton({ appId }: { appId: string }) {
  const { t } = useTranslation();
  const { data } = useDesk(appId);
  const [open, setOpen] = useState(false);
  const close = (): void => setOpen(false);
  return (
    <Only right="edit" on={appId}>
      <Button variant="default" disabled={!data} onClick={() => setOpen(true)}>
        {t('desk.open')}
      </Button>
      {open && data && (
        <Modal opened onClose={close} title={t('desk.open')} size="lg" closeButtonProps={{ 'aria-label': t('close') }}>
          <DeskForm appId={appId} desk={data} close={close} />
        </Modal>
      )}
    </Only>
  );
}
