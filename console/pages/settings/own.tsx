/** The own account: who one is, language and colours, the password. */
import {
  Button,
  Card,
  Group,
  PasswordInput,
  SegmentedControl,
  Stack,
  Text,
  Title,
  useMantineColorScheme,
} from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { tell, useAct } from '../../parts/act';
import { LanguageChoice } from '../../parts/shell';
import { useSelf } from '../../session';

function PasswordCard() {
  const { t } = useTranslation();
  const { api } = useSelf();
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  const change = useAct({
    run: () => api.changePassword({ old, password }),
    done: () => {
      setOld('');
      setPassword('');
      tell('good', t('own.changed'), t('own.changedText'));
    },
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  const eye = { 'aria-label': t('signIn.show') };
  return (
    <Card withBorder component="form" onSubmit={submit} maw={480}>
      <Stack>
        <Title order={2} size="h5">
          {t('own.password')}
        </Title>
        <PasswordInput
          label={t('own.old')}
          value={old}
          onChange={(event) => setOld(event.currentTarget.value)}
          autoComplete="current-password"
          visibilityToggleButtonProps={eye}
        />
        <PasswordInput
          label={t('own.new')}
          description={t('own.newHelp')}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="new-password"
          visibilityToggleButtonProps={eye}
        />
        <Group>
          <Button type="submit" loading={change.isPending} disabled={old === '' || password === ''}>
            {t('own.change')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}

export function Own() {
  const { t } = useTranslation();
  const { me } = useSelf();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const bots = Object.entries(me.bots);
  return (
    <Stack>
      <Card withBorder maw={480}>
        <Stack gap="sm">
          <Title order={2} size="h5">
            {me.name}
          </Title>
          <Text size="sm">
            {t(`own.${me.kind}`)} · {me.role === null ? t('own.noRole') : t('own.role', { role: t(`role.${me.role}`) })}
          </Text>
          {bots.map(([appId, role]) => (
            <Text key={appId} size="sm" className="sb-quiet">
              {appId}: {t(`role.${role}`)}
            </Text>
          ))}
          <Group gap="sm">
            <Text size="sm">{t('language')}</Text>
            <LanguageChoice />
          </Group>
          <Group gap="sm">
            <Text size="sm">{t('own.colours')}</Text>
            <SegmentedControl
              size="xs"
              aria-label={t('own.colours')}
              value={colorScheme}
              onChange={(scheme) => setColorScheme(scheme)}
              data={(['auto', 'light', 'dark'] as const).map((value) => ({ value, label: t(`colours.${value}`) }))}
            />
          </Group>
        </Stack>
      </Card>
      {me.kind === 'user' && <PasswordCard />}
    </Stack>
  );
}
