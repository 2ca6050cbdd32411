/** A bot's channels: a form for each platform, the address to copy, a check that says what to do. */
import {
  Accordion,
  ActionIcon,
  Alert,
  Badge,
  Button,
  Code,
  CopyButton,
  Group,
  List,
  PasswordInput,
  Select,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { Trans, useTranslation } from 'react-i18next';

import type { ChannelCheck, ChannelWire } from '../api';
import { SureButton, tell, useAct } from '../parts/act';
import { channelHealth, channelName, Dot, When } from '../parts/facts';
import { Icon } from '../parts/icons';
import { Guarded } from '../parts/only';
import { Heading, Loading, Problem } from '../parts/said';
import { useChannels } from '../queries';
import { useApi } from '../session';
import { useThisBot } from './bot';
import { type Look, lookOf, WidgetLook } from './widget-look';
import { type Field, type Platform, platforms, settingsOf, valuesOf, type Values } from './platforms';

function Copy({ text }: { text: string }) {
  const { t } = useTranslation();
  return (
    <Group gap={6} wrap="nowrap">
      <Code style={{ overflowWrap: 'anywhere' }}>{text}</Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <ActionIcon variant="subtle" onClick={copy} aria-label={copied ? t('copied') : t('copy')}>
            <Icon name={copied ? 'check' : 'copy'} size={16} />
          </ActionIcon>
        )}
      </CopyButton>
    </Group>
  );
}

interface FieldProps {
  field: Field;
  value: string | boolean;
  isSet: boolean;
  change: (value: string | boolean) => void;
}
function FieldInput({ field, value, isSet, change }: FieldProps) {
  const { t } = useTranslation();
  const label = t(`field.${field.name}`);
  const description = field.help ? t(`help.${field.name}`) : undefined;
  const text = typeof value === 'string' ? value : '';
  if (field.kind === 'switch')
    return (
      <Switch
        label={label}
        description={description}
        checked={value === true}
        onChange={(event) => change(event.currentTarget.checked)}
      />
    );
  if (field.kind === 'choice')
    return (
      <Select
        label={label}
        description={description}
        value={text}
        onChange={(chosen) => change(chosen ?? '')}
        data={(['', 'true', 'false'] as const).map((one) => ({ value: one, label: t(`choice.${one}`) }))}
        allowDeselect={false}
      />
    );
  if (field.kind === 'list')
    return (
      <Textarea
        label={label}
        description={description}
        rows={2}
        value={text}
        onChange={(event) => change(event.currentTarget.value)}
        placeholder={field.hint}
      />
    );
  if (field.kind === 'secret')
    return (
      <PasswordInput
        label={label}
        description={description}
        value={text}
        onChange={(event) => change(event.currentTarget.value)}
        placeholder={isSet ? t('channels.kept') : field.hint}
        autoComplete="off"
        visibilityToggleButtonProps={{ 'aria-label': t('signIn.show') }}
      />
    );
  return (
    <TextInput
      label={label}
      description={description}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
      placeholder={field.hint}
      autoComplete="off"
    />
  );
}

function Steps({ platform }: { platform: Platform }) {
  const { t } = useTranslation();
  return (
    <List type="ordered" size="sm" spacing={4}>
      {platform.steps.map((step) => (
        <List.Item key={step}>
          <Trans i18nKey={step} t={t} components={{ b: <strong />, code: <Code /> }} />
        </List.Item>
      ))}
    </List>
  );
}

const labs = ['slack', 'telegram', 'teams'];
/** For who has no account there: a platform that is emulated. */
function Lab({ name, appId }: { name: string; appId: string }) {
  const { t } = useTranslation();
  return (
    <div>
      <Text size="sm" fw={500}>
        {t('channels.lab', { name: channelName(name) })}
      </Text>
      <Text size="xs" className="sb-quiet">
        {t('channels.labText', { name: channelName(name) })}
      </Text>
      <Copy text={`npm run -s switchboard -- lab ${name} ${appId}`} />
    </div>
  );
}

function ChannelForm({ channel, platform }: { channel: ChannelWire; platform: Platform }) {
  const { t } = useTranslation();
  const api = useApi();
  const { appId } = useThisBot();
  const [values, setValues] = useState<Values>(() => valuesOf(platform, channel.settings));
  const [look, setLook] = useState<Look>(() => (channel.settings['appearance'] as Look | undefined) ?? {});
  const [further, setFurther] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const [checked, setChecked] = useState<ChannelCheck | null>(null);
  const stale = [['channels', appId]];
  const check = useAct({ run: () => api.checkChannel(appId, channel.name), done: setChecked, stale });
  const remove = useAct({
    run: () => api.deleteChannel(appId, channel.name),
    stale,
    done: () => {
      setValues(valuesOf(platform, {}));
      setChecked(null);
    },
  });
  const put = useAct({
    run: () => api.putChannel(appId, channel.name, { ...settingsOf(platform, values), ...lookIn(channel.name, look) }),
    refused: setProblem,
    stale,
    done: (kept) => {
      setValues(valuesOf(platform, kept.settings));
      setProblem(null);
      tell('good', t('channels.saved', { name: channelName(channel.name) }), kept.reason ?? '');
    },
  });
  const save = (event: SyntheticEvent): void => {
    event.preventDefault();
    setChecked(null);
    put.mutate();
  };
  const fields = platform.fields.filter(({ more }) => further || more !== true);
  return (
    <form onSubmit={save}>
      <Stack>
        {platform.steps.length > 0 && <Steps platform={platform} />}
        {labs.includes(channel.name) && <Lab name={channel.name} appId={appId} />}
        {platform.webhook && (
          <div>
            <Text size="sm" fw={500}>
              {t('channels.address')}
            </Text>
            <Copy text={channel.webhookUrl} />
          </div>
        )}
        {fields.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            value={values[field.name] ?? ''}
            isSet={channel.secrets[field.name] === true}
            change={(value) => setValues((before) => ({ ...before, [field.name]: value }))}
          />
        ))}
        {platform.fields.some(({ more }) => more) && !further && (
          <Group>
            <Button size="compact-sm" variant="subtle" onClick={() => setFurther(true)}>
              {t('channels.further')}
            </Button>
          </Group>
        )}
        {channel.name === 'web' && <WidgetLook look={look} change={setLook} />}
        {problem !== null && <Problem error={problem} />}
        {checked && (
          <Alert
            color={checked.ok ? 'green' : 'red'}
            variant="light"
            role="status"
            title={t(checked.ok ? 'channels.works' : 'channels.broken')}
          >
            {checked.detail}
          </Alert>
        )}
        <Text size="xs" className="sb-quiet">
          {t('channels.lastIn')} <When at={channel.lastEventAt} />
          {channel.lastError !== null && (
            <>
              {' · '}
              {t('channels.lastError')} <When at={channel.lastErrorAt} />: {channel.lastError}
            </>
          )}
        </Text>
        <Group>
          <Button type="submit" loading={put.isPending}>
            {t('save')}
          </Button>
          <Button variant="default" loading={check.isPending} onClick={() => check.mutate()}>
            {t('channels.check')}
          </Button>
          <SureButton
            label={t('channels.forget')}
            title={t('channels.forget')}
            text={t('channels.forgetText')}
            act={() => remove.mutateAsync()}
            button={{ variant: 'subtle' }}
          />
        </Group>
      </Stack>
    </form>
  );
}

/** Only the web channel has a look. */
const lookIn = (name: string, look: Look): object => (name === 'web' ? { appearance: lookOf(look) } : {});

export default function Channels() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const { data: channels, error, refetch } = useChannels(appId);
  if (error) return <Problem error={error} retry={refetch} />;
  if (!channels) return <Loading />;
  return (
    <>
      <Heading title={t('nav.channels')} text={t('channels.text')} order={2} />
      <Accordion variant="separated" order={3}>
        {channels.map((channel) => {
          const platform = platforms[channel.name];
          return (
            platform && (
              <Accordion.Item key={channel.name} value={channel.name}>
                <Accordion.Control>
                  <Group gap="sm">
                    <Dot color={channelHealth(channel)} />
                    <Text fw={600}>{channelName(channel.name)}</Text>
                    <Badge variant="default" tt="none">
                      {t(`health.${channelHealth(channel)}`)}
                    </Badge>
                  </Group>
                  {channel.reason && (
                    <Text size="xs" className="sb-quiet">
                      {channel.reason}
                    </Text>
                  )}
                </Accordion.Control>
                <Accordion.Panel>
                  <Guarded right="build" on={appId}>
                    <ChannelForm key={appId} channel={channel} platform={platform} />
                  </Guarded>
                </Accordion.Panel>
              </Accordion.Item>
            )
          );
        })}
      </Accordion>
    </>
  );
}
