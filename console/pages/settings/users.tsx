/** Everybody who has an account, and how more come in: by links that an admin hands over. */
import { Badge, Button, Card, Group, Stack, Table, Text, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { LinkWire, RoleWord, UserWire } from '../../api-access';
import { SureButton, useAct } from '../../parts/act';
import { When } from '../../parts/facts';
import { Paged } from '../../parts/paged';
import { useApi, useSelf } from '../../session';
import { RoleChoice, Shown } from '../access/parts';

type Made = LinkWire & { title: string };

function Invite({ made }: { made: (link: Made) => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const [login, setLogin] = useState('');
  const [role, setRole] = useState<RoleWord | null>('editor');
  const invite = useAct({
    run: () => api.invite({ login: login.trim() || null, role }),
    done: (link) => {
      setLogin('');
      made({ ...link, title: t('users.invited') });
    },
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    invite.mutate();
  };
  return (
    <Card withBorder component="form" onSubmit={submit}>
      <Group align="flex-end">
        <TextInput
          label={t('signIn.login')}
          description={t('users.loginHelp')}
          value={login}
          onChange={(event) => setLogin(event.currentTarget.value)}
          maxLength={200}
          flex="1 1 220px"
        />
        <RoleChoice label={t('access.role')} value={role} change={setRole} none={t('users.noRole')} w={190} />
        <Button type="submit" loading={invite.isPending}>
          {t('users.invite')}
        </Button>
      </Group>
    </Card>
  );
}

function UserRow({ user, made }: { user: UserWire; made: (link: Made) => void }) {
  const { t } = useTranslation();
  const { api, me } = useSelf();
  const stale = [['users']];
  const change = useAct({
    run: (fields: Partial<Pick<UserWire, 'role' | 'active'>>) => api.changeUser(user.id, fields),
    stale,
  });
  const remove = useAct({ run: () => api.removeUser(user.id), stale });
  const reset = useAct({
    run: () => api.resetLink(user.id),
    done: (link) => made({ ...link, title: t('users.resetFor', { name: user.name }) }),
  });
  const own = user.id === me.id;
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap="xs">
          <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
            {user.name}
          </Text>
          {own && (
            <Badge variant="default" tt="none">
              {t('users.you')}
            </Badge>
          )}
          {!user.active && (
            <Badge color="red" variant="light" tt="none">
              {t('users.shut')}
            </Badge>
          )}
        </Group>
        <Text size="xs" className="sb-quiet">
          {user.login}
        </Text>
      </Table.Td>
      <Table.Td w={190}>
        <RoleChoice
          aria-label={t('access.roleOf', { name: user.name })}
          value={user.role}
          change={(role) => change.mutate({ role })}
          none={t('users.noRole')}
        />
        {Object.keys(user.bots).length > 0 && (
          <Text size="xs" className="sb-quiet" mt={2}>
            {t('users.onBots', { count: Object.keys(user.bots).length })}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Text size="sm">
          <When at={user.signedInAt} />
        </Text>
      </Table.Td>
      <Table.Td>
        <Group gap="xs" justify="flex-end">
          <Button size="compact-sm" variant="default" loading={reset.isPending} onClick={() => reset.mutate()}>
            {t('users.reset')}
          </Button>
          {!own && (
            <>
              <Button
                size="compact-sm"
                variant="default"
                loading={change.isPending}
                onClick={() => change.mutate({ active: !user.active })}
              >
                {t(user.active ? 'users.shutOut' : 'users.letIn')}
              </Button>
              <SureButton
                label={t('remove')}
                title={t('users.remove')}
                text={t('users.removeText', { name: user.name })}
                act={() => remove.mutateAsync()}
                button={{ size: 'compact-sm' }}
              />
            </>
          )}
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

export function Users() {
  const { t } = useTranslation();
  const api = useApi();
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Stack>
      <Text size="sm" className="sb-quiet">
        {t('users.text')}
      </Text>
      <Invite made={setMade} />
      <Paged
        queryKey={['users']}
        read={(cursor) => api.users(cursor)}
        row={(user) => <UserRow key={user.id} user={user} made={setMade} />}
        head={[t('users.name'), t('access.role'), t('users.signedIn'), t('access.change')]}
        minWidth={720}
        empty={{ icon: 'people', title: t('users.none'), text: t('users.noneText') }}
      />
      {made && <Shown title={made.title} text={t('users.once')} secret={made.url} close={() => setMade(null)} />}
    </Stack>
  );
}
