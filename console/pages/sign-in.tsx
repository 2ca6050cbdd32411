/** The way in: an account, the organisation's sign-in where there is one, or a token. */
import {
  Alert,
  Anchor,
  Button,
  Card,
  Center,
  Code,
  Group,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, type SyntheticEvent, useState } from 'react';
import { Trans, useTranslation } from 'react-i18next';

import { apiOf, HubRefusal } from '../api';
import { Problem } from '../parts/said';
import { LanguageChoice, ThemeButton } from '../parts/shell';
import { useSession } from '../session';

/** A form that says what the hub refused. */
function useEntering(enter: () => Promise<void>, wordsOf: (refusal: HubRefusal) => string | null) {
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await enter();
    } catch (error) {
      const words = error instanceof HubRefusal ? wordsOf(error) : null;
      setProblem(words ?? error);
      setBusy(false);
    }
  };
  return { problem, busy, submit: (event: SyntheticEvent) => void submit(event) };
}

function Refused({ problem }: { problem: unknown }) {
  if (problem === null) return null;
  if (typeof problem !== 'string') return <Problem error={problem} />;
  return (
    <Alert color="red" variant="light" role="alert">
      {problem}
    </Alert>
  );
}

function AccountForm() {
  const { t } = useTranslation();
  const { signIn } = useSession();
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const { problem, busy, submit } = useEntering(
    () => signIn({ login: login.trim(), password }),
    ({ problem: { code } }) => (code === 'wrong_password' ? t('signIn.wrongPassword') : null),
  );
  const { data: ways } = useQuery({ queryKey: ['ways'], queryFn: () => apiOf().ways(), staleTime: Infinity });
  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput
          label={t('signIn.login')}
          value={login}
          onChange={(event) => setLogin(event.currentTarget.value)}
          autoComplete="username"
          autoFocus
          required
          withAsterisk={false}
        />
        <PasswordInput
          label={t('signIn.password')}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="current-password"
          visibilityToggleButtonProps={{ 'aria-label': t('signIn.show') }}
          required
          withAsterisk={false}
        />
        <Refused problem={problem} />
        <Button type="submit" loading={busy} disabled={login.trim() === '' || password === ''}>
          {t('signIn.go')}
        </Button>
        {ways?.provider && (
          <Button component="a" href="/sign-in/provider" variant="default">
            {t('signIn.provider')}
          </Button>
        )}
        {ways?.registration && (
          <Anchor href="/sign-in#register" size="sm">
            {t('signIn.register')}
          </Anchor>
        )}
      </Stack>
    </form>
  );
}

function TokenForm() {
  const { t } = useTranslation();
  const { signInByToken } = useSession();
  const [token, setToken] = useState('');
  const { problem, busy, submit } = useEntering(
    () => signInByToken(token.trim()),
    ({ status }) => (status === 401 ? t('signIn.wrong') : null),
  );
  return (
    <form onSubmit={submit}>
      <Stack>
        <PasswordInput
          label={t('signIn.token')}
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
          autoComplete="off"
          visibilityToggleButtonProps={{ 'aria-label': t('signIn.show') }}
          autoFocus
          required
          withAsterisk={false}
        />
        <Text size="sm" className="sb-quiet">
          <Trans i18nKey="signIn.where" components={{ code: <Code /> }} />
        </Text>
        <Refused problem={problem} />
        <Button type="submit" loading={busy} disabled={token.trim() === ''}>
          {t('signIn.go')}
        </Button>
      </Stack>
    </form>
  );
}

/** A card in the middle of an empty page, with the choice of language and colours. */
export function Alone({ children }: { children: ReactNode }) {
  return (
    <Center mih="100vh" p="md" component="main">
      <Card withBorder shadow="sm" w={440} padding="xl">
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
          {children}
        </Stack>
      </Card>
    </Center>
  );
}

export function SignIn() {
  const { t } = useTranslation();
  const [way, setWay] = useState<'account' | 'token'>('account');
  return (
    <Alone>
      {way === 'account' ? <AccountForm /> : <TokenForm />}
      <Anchor
        component="button"
        type="button"
        size="sm"
        onClick={() => setWay(way === 'account' ? 'token' : 'account')}
      >
        {t(way === 'account' ? 'signIn.byToken' : 'signIn.byAccount')}
      </Anchor>
    </Alone>
  );
}
