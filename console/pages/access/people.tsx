/** Who has a role on one bot: for its own admins, who do not see all users of the hub. */
import { Button, Card, Group, Stack, Table, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { RoleWord } from '../../api-access';
import { SureButton, useAct } from '../../parts/act';
import { Empty, Loading, Problem } from '../../parts/said';
import { useApi } from '../../session';
import { RoleChoice } from './parts';

export function People({ appId }: { appId: string }) {
  const { t } = useTranslation();
  const api = useApi();
  const [login, setLogin] = useState('');
  const [role, setRole] = useState<RoleWord>('agent');
  const stale = [['people', appId]];
  const { data: people, error, refetch } = useQuery({ queryKey: ['people', appId], queryFn: () => api.people(appId) });
  const set = useAct({
    run: (given: { login: string; role: RoleWord }) => api.setPerson(appId, given),
    done: () => setLogin(''),
    stale,
  });
  const remove = useAct({ run: (gone: string) => api.removePerson(appId, gone), stale });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    set.mutate({ login: login.trim(), role });
  };
  return (
    <Stack>
      <Text size="sm" className="sb-quiet">
        {t('people.text')}
      </Text>
      <Card withBorder component="form" onSubmit={submit}>
        <Group align="flex-end">
          <TextInput
            label={t('signIn.login')}
            value={login}
            onChange={(event) => setLogin(event.currentTarget.value)}
            maxLength={200}
            required
            withAsterisk={false}
            flex="1 1 220px"
          />
          <RoleChoice label={t('access.role')} value={role} change={(chosen) => chosen && setRole(chosen)} w={150} />
          <Button type="submit" loading={set.isPending} disabled={login.trim() === ''}>
            {t('people.add')}
          </Button>
        </Group>
      </Card>
      {error && <Problem error={error} retry={refetch} />}
      {!people && !error && <Loading />}
      {people?.length === 0 && <Empty icon="people" title={t('people.none')} text={t('people.noneText')} />}
      {people && people.length > 0 && (
        <Card withBorder p={0}>
          <Table>
            <Table.Tbody>
              {people.map((person) => (
                <Table.Tr key={person.login}>
                  <Table.Td>
                    <Text size="sm" fw={600}>
                      {person.name}
                    </Text>
                    <Text size="xs" className="sb-quiet">
                      {person.login}
                    </Text>
                  </Table.Td>
                  <Table.Td w={170}>
                    <RoleChoice
                      aria-label={t('access.roleOf', { name: person.name })}
                      value={person.role}
                      change={(chosen) => chosen && set.mutate({ login: person.login, role: chosen })}
                    />
                  </Table.Td>
                  <Table.Td ta="end">
                    <SureButton
                      label={t('remove')}
                      title={t('people.remove')}
                      text={t('people.removeText', { name: person.name })}
                      act={() => remove.mutateAsync(person.login)}
                      button={{ size: 'compact-sm' }}
                    />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Card>
      )}
    </Stack>
  );
}
