/** What a click does: with a notice when it worked, one that stays when it did not, and a question before what destroys. */
import { Button, type ButtonProps, Group, Modal, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import i18next from 'i18next';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { titleOf } from './remarks';

export function tell(kind: 'good' | 'bad', title: string, message: ReactNode = ''): void {
  notifications.show({
    title,
    message,
    color: kind === 'good' ? 'green' : 'red',
    autoClose: kind === 'good' ? 5000 : 15_000,
    withBorder: true,
    closeButtonProps: { 'aria-label': i18next.t('close') },
    // The kit's quiet grey is too faint to read for many.
    styles: { description: { color: 'var(--mantine-color-text)' } },
  });
}

/** Says what did not work, and why. */
export const tellRefused = (error: unknown): void =>
  tell('bad', titleOf(error), error instanceof Error ? error.message : '');

interface Act<A, R> {
  run: (asked: A) => Promise<R>;
  /** Keys of queries that know less afterwards: the change is under way until they have been asked again. */
  stale?: unknown[][];
  done?: (result: R, asked: A) => void;
  /** In place of a notice, where the page shows a refusal itself. */
  refused?: (error: Error) => void;
}
/** A change at the hub. A refusal is shown in its own words. */
export function useAct<R, A = void>({ run, stale = [], done, refused }: Act<A, R>) {
  const queries = useQueryClient();
  return useMutation<R, Error, A>({
    mutationFn: run,
    onSuccess: (result, asked) => done?.(result, asked),
    onError: refused ?? tellRefused,
    onSettled: () => Promise.all(stale.map((queryKey) => queries.invalidateQueries({ queryKey }))),
  });
}

interface SureProps {
  label: ReactNode;
  title: string;
  text: string;
  act: () => Promise<unknown>;
  button?: ButtonProps;
}
/** A button that asks before it acts. */
export function SureButton({ label, title, text, act, button }: SureProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const go = async (): Promise<void> => {
    setBusy(true);
    try {
      await act();
      setOpen(false);
    } catch {
      // `useAct` has said why.
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button variant="default" {...button} onClick={() => setOpen(true)}>
        {label}
      </Button>
      <Modal opened={open} onClose={() => setOpen(false)} title={title} closeButtonProps={{ 'aria-label': t('close') }}>
        <Text size="sm">{text}</Text>
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={() => setOpen(false)} data-autofocus>
            {t('cancel')}
          </Button>
          <Button color="red" loading={busy} onClick={() => void go()}>
            {label}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
