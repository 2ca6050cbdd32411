/** What stands where a page failed to draw. */
import { Alert, Button, Group, Text } from '@mantine/core';
import i18next from 'i18next';
import { Component, type ReactNode } from 'react';

/** A class: React tells only classes that a child has failed. Give it another `key` to try again. */
export class Fallen extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }
  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Alert color="red" title={i18next.t('fallen.title')} m="md">
        <Text size="sm">{i18next.t('fallen.text')}</Text>
        <Text size="xs" ff="monospace" my="sm">
          {error.message}
        </Text>
        <Group>
          <Button size="xs" onClick={() => window.location.reload()}>
            {i18next.t('fallen.reload')}
          </Button>
        </Group>
      </Alert>
    );
  }
}
