/** What the hub refused, pages without content, pages that load. */
import { Alert, Button, Center, List, Loader, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import { Icon, type IconName } from './icons';
import { wordsOf } from './remarks';

const mostFaults = 20;

/** It may stand below what is on the screen. */
const show = (element: HTMLElement | null): void => void element?.scrollIntoView({ block: 'nearest' });

/** An error as a person reads it: what it is in their language, and the hub's own words on what to do. */
export function Problem({ error, retry }: { error: unknown; retry?: () => unknown }) {
  const { t } = useTranslation();
  const { title, text, faults } = wordsOf(error);
  return (
    <Alert color="red" variant="light" title={title} icon={<Icon name="warning" />} role="alert" ref={show}>
      {text !== null && <Text size="sm">{text}</Text>}
      {faults.length > 0 && (
        <List size="sm" mt="xs">
          {faults.slice(0, mostFaults).map((fault, at) => (
            <List.Item key={at}>{fault}</List.Item>
          ))}
          {faults.length > mostFaults && (
            <List.Item>{t('problem.more', { more: faults.length - mostFaults })}</List.Item>
          )}
        </List>
      )}
      {retry && (
        <Button size="xs" variant="default" mt="sm" onClick={() => void retry()}>
          {t('problem.retry')}
        </Button>
      )}
    </Alert>
  );
}

export function Loading() {
  const { t } = useTranslation();
  return (
    <Center p="xl" role="status" aria-label={t('loading')}>
      <Loader size="sm" />
    </Center>
  );
}

/** Says what would be here and how it comes to be. */
export function Empty({
  icon,
  title,
  text,
  children,
}: {
  icon: IconName;
  title: string;
  text: string;
  children?: ReactNode;
}) {
  return (
    <Center p="xl">
      <Stack align="center" gap="xs" maw={460}>
        <Icon name={icon} size={36} />
        <Title order={3} size="h4">
          {title}
        </Title>
        <Text ta="center" className="sb-quiet" size="sm">
          {text}
        </Text>
        {children}
      </Stack>
    </Center>
  );
}

/** A page's heading with what can be done there. */
export function Heading({
  title,
  text,
  order = 1,
  children,
}: {
  title: string;
  text?: string;
  order?: 1 | 2;
  children?: ReactNode;
}) {
  return (
    <div style={{ display: 'flex', flexWrap: 'wrap', gap: 12, alignItems: 'start', marginBottom: 16 }}>
      <div style={{ flex: '1 1 260px' }}>
        <Title order={order} size={order === 1 ? 'h2' : 'h4'}>
          {title}
        </Title>
        {text && (
          <Text size="sm" className="sb-quiet">
            {text}
          </Text>
        )}
      </div>
      <div style={{ display: 'flex', gap: 8, flexWrap: 'wrap' }}>{children}</div>
    </div>
  );
}
