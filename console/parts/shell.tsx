/** What stands around every page: where one can go, language, light or dark, the way out. */
import {
  ActionIcon,
  Anchor,
  AppShell,
  Badge,
  Burger,
  Group,
  NavLink,
  SegmentedControl,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useCallback, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useMatch } from 'react-router';

import { HubRefusal } from '../api';
import { chooseLanguage, isLanguage, languages } from '../i18n';
import { useLive } from '../live';
import { useBot, useBots, useWaiting } from '../queries';
import { useMay, useSelf, useSession } from '../session';
import { tellRefused } from './act';
import { Fallen } from './fallen';
import { Icon, type IconName } from './icons';

export function LanguageChoice() {
  const { i18n, t } = useTranslation();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t('language')}
      value={i18n.language}
      onChange={(language) => isLanguage(language) && void chooseLanguage(language)}
      data={Object.entries(languages).map(([value, label]) => ({ value, label }))}
    />
  );
}
export function ThemeButton() {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const other = useComputedColorScheme('light') === 'light' ? 'dark' : 'light';
  return (
    <ActionIcon variant="default" size="md" aria-label={t(`theme.${other}`)} onClick={() => setColorScheme(other)}>
      <Icon name="sun" size={16} />
    </ActionIcon>
  );
}

interface GoProps {
  to: string;
  icon: IconName;
  label: string;
  exact?: boolean;
  /** Shown beside the label when there is something to count. */
  count?: number;
}
function Go({ to, icon, label, exact = false, count = 0 }: GoProps) {
  const { pathname } = useLocation();
  const active = exact ? pathname === to || pathname === `${to}/` : pathname.startsWith(to);
  return (
    <NavLink
      component={Link}
      to={to}
      label={label}
      leftSection={<Icon name={icon} />}
      rightSection={
        count > 0 && (
          <Badge size="sm" circle={count < 10}>
            {count}
          </Badge>
        )
      }
      active={active}
      {...(active ? { 'aria-current': 'page' as const } : {})}
      variant="light"
    />
  );
}

/** With how many people wait. */
function WaitingLink() {
  const { t } = useTranslation();
  const { data } = useWaiting();
  const count = data?.filter(({ care }) => care.state === 'waiting').length ?? 0;
  return <Go to="/waiting" icon="waiting" label={t('nav.waiting')} count={count} />;
}

function BotLinks({ appId }: { appId: string }) {
  const { t } = useTranslation();
  const { data: bot } = useBot(appId);
  const may = useMay();
  const path = `/bots/${appId}`;
  return (
    <>
      <Text size="xs" fw={600} tt="uppercase" className="sb-quiet" px="sm" mt="md" mb={4} truncate>
        {bot?.name ?? appId}
      </Text>
      <Go to={path} icon="questions" label={t('nav.questions')} exact />
      <Go to={`${path}/conversations`} icon="conversations" label={t('nav.conversations')} />
      <Go to={`${path}/misses`} icon="misses" label={t('nav.misses')} />
      <Go to={`${path}/project`} icon="graph" label={t('nav.project')} />
      <Go to={`${path}/training`} icon="training" label={t('nav.training')} />
      <Go to={`${path}/tests`} icon="check" label={t('nav.tests')} />
      <Go to={`${path}/analytics`} icon="chart" label={t('nav.analytics')} />
      <Go to={`${path}/channels`} icon="channels" label={t('nav.channels')} />
      <Go to={`${path}/process`} icon="process" label={t('nav.process')} />
      {may('own', appId) && <Go to={`${path}/access`} icon="key" label={t('nav.access')} />}
    </>
  );
}

export function Shell({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const { api, me } = useSelf();
  const may = useMay();
  const { signOut } = useSession();
  const queries = useQueryClient();
  const [opened, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  const appId = useMatch('/bots/:appId/*')?.params.appId ?? null;
  const { data } = useBots();
  const talks = useMatch('/bots/:appId/conversations/*')?.params.appId ?? null;
  const appIds = data?.pages.flatMap(({ items }) => items.map((bot) => bot.appId)) ?? [];
  useLive(api, { appIds, current: appId, talks });
  useEffect(close, [pathname, close]);
  const leave = useCallback((): void => {
    signOut().then(() => queries.clear(), tellRefused);
  }, [queries, signOut]);
  // A token that the hub no longer takes: another one is asked for.
  useEffect(
    () =>
      queries.getQueryCache().subscribe(({ query }) => {
        const error: unknown = query.state.error;
        if (error instanceof HubRefusal && error.status === 401) leave();
      }),
    [queries, leave],
  );
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding="lg"
    >
      <a href="#page" className="sb-skip">
        {t('skip')}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t('menu')} />
            <Anchor component={Link} to="/" fw={700} c="inherit" underline="never">
              Switchboard
            </Anchor>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <LanguageChoice />
            <ThemeButton />
            <Text size="sm" className="sb-quiet" visibleFrom="md" maw={180} truncate title={me.name}>
              {me.name}
            </Text>
            <ActionIcon variant="default" size="md" aria-label={t('signOut')} title={t('signOut')} onClick={leave}>
              <Icon name="out" size={16} />
            </ActionIcon>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={t('menu')}>
        <Go to="/" icon="home" label={t('nav.home')} exact />
        {may('create') && <Go to="/new" icon="plus" label={t('nav.new')} />}
        <WaitingLink />
        {may('read') && <Go to="/dead-letters" icon="letter" label={t('nav.dead')} />}
        <Go to="/settings" icon="settings" label={t('nav.settings')} />
        {appId && <BotLinks appId={appId} />}
      </AppShell.Navbar>
      <AppShell.Main id="page" tabIndex={-1} data-path={pathname}>
        <Fallen at={pathname}>{children}</Fallen>
      </AppShell.Main>
    </AppShell>
  );
}
