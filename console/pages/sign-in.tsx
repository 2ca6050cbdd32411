/** The way in: the admin token, and where it is found. */
import { Alert, Button, Card, Center, Code, Group, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';
import { Trans, useTranslation } from 'react-i18next';

import { apiOf, HubRefusal } from '../api';
import { LanguageChoice, ThemeButton } from '../parts/shell';
import { useSession } from '../session';

export function SignIn() {
  const { t } = useTranslation();
  const { signIn } = useSession();
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const enter = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await apiOf(token.trim()).bots(null);
      signIn(token.trim());
    } catch (error) {
      const refused = error instanceof HubRefusal && error.status === 401;
      setProblem(refused ? t('signIn.wrong') : (error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Center mih="100vh" p="md" component="main">
      <Card withBorder shadow="sm" w={440} padding="xl">
        <form onSubmit={(event) => void enter(event)}>
          <Stack>
            <Group justify="space-between">
              <Title order={1} size="h3">
                Switchboard
              </Title>
              <Group gap="xs">
                <LanguageChoice />
                <ThemeButton />
              </Group>
            </Group>
            <PasswordInput
              label={t('signIn.token')}
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
              autoComplete="current-password"
              visibilityToggleButtonProps={{ 'aria-label': t('signIn.show') }}
              autoFocus
              required
              withAsterisk={false}
            />
            <Text size="sm" className="sb-quiet">
              <Trans i18nKey="signIn.where" components={{ code: <Code /> }} />
            </Text>
            {problem && (
              <Alert color="red" variant="light" role="alert">
                {problem}
              </Alert>
            )}
            <Button type="submit" loading={busy} disabled={token.trim() === ''}>
              {t('signIn.go')}
            </Button>
          </Stack>
        </form>
      </Card>
    </Center>
  );
}
