/** What stands where a page failed to draw. */
import { Alert, Button, Group, Text } from '@mantine/core';
import i18next from 'i18next';
import { Component, type ReactNode } from 'react';

interface Props {
  children: ReactNode;
  /** The address: at another one it is tried again. */
  at?: string;
}
interface State {
  error: Error | null;
  at: string | undefined;
}
/** A class: React tells only classes that a child has failed. */
export class Fallen extends Component<Props, State> {
  override state: State = { error: null, at: undefined };
  static getDerivedStateFromProps({ at }: Props, before: State): State | null {
    return at === before.at ? null : { at, error: null };
  }
  static getDerivedStateFromError(error: Error): Pick<State, 'error'> {
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
