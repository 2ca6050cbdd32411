/** How a bot's button and chat look on other pages, tried out beside the form; and the tag to put into those pages. */
import {
  Code,
  ColorInput,
  CopyButton,
  Button,
  Group,
  NumberInput,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { useThisBot } from './bot';

/** As `appearance` of the web channel. */
export interface Look {
  title?: string;
  color?: string;
  position?: string;
  avatar?: string;
  greeting?: string;
  greetingSeconds?: number;
  sound?: boolean;
  texts?: Record<string, string>;
}
/** Those of the chat's sentences that most authors want in their own words. */
const sentences = ['hello', 'start', 'placeholder', 'withAgent', 'calling', 'offline'] as const;
const previewMs = 600;

/** What was filled in. */
export function lookOf(look: Look): Look {
  const texts = Object.fromEntries(Object.entries(look.texts ?? {}).filter(([, text]) => text.trim() !== ''));
  const given = Object.entries({ ...look, texts }).filter(
    ([, value]) => value !== '' && !(typeof value === 'object' && Object.keys(value).length === 0),
  );
  return Object.fromEntries(given);
}

/** The chat as it would look: a new one for each look, which asks for it when it is there. */
function Preview({ look, language }: { look: Look; language: string }) {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const frame = useRef<HTMLIFrameElement>(null);
  // What is no address of a picture yet would be asked for, and refused, while it is typed.
  const avatar = /^https?:\/\/./.test(look.avatar ?? '') ? (look.avatar ?? '') : '';
  const [shown] = useDebouncedValue(JSON.stringify(lookOf({ ...look, avatar })), previewMs);
  const { position = 'right', color = '#3f51d6', greeting } = JSON.parse(shown) as Look;
  useEffect(() => {
    const hear = ({ source, data }: MessageEvent<{ switchboard?: string } | null>): void => {
      if (source !== frame.current?.contentWindow || data?.switchboard !== 'ready') return;
      const told = { switchboard: 'look', appearance: JSON.parse(shown) as Look };
      frame.current.contentWindow?.postMessage(told, window.location.origin);
    };
    window.addEventListener('message', hear);
    return () => window.removeEventListener('message', hear);
  }, [shown]);
  return (
    <div className="sb-preview" data-position={position}>
      <iframe
        ref={frame}
        key={`${language} ${shown}`}
        title={t('look.preview')}
        src={`/bots/${encodeURIComponent(appId)}/chat?embed=1&preview=1&lang=${language}`}
      />
      <div className="sb-preview-row">
        {greeting !== undefined && <span className="sb-preview-greeting">{greeting}</span>}
        <span className="sb-preview-button" style={{ background: color }} aria-hidden />
      </div>
    </div>
  );
}

function Tag() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  const tag = `<script src="${window.location.origin}/widget.js" data-app-id="${appId}" async></script>`;
  return (
    <div>
      <Text size="sm" fw={500}>
        {t('look.tag')}
      </Text>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <Code block style={{ flex: 1, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {tag}
        </Code>
        <CopyButton value={tag}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {t(copied ? 'copied' : 'copy')}
            </Button>
          )}
        </CopyButton>
      </Group>
    </div>
  );
}

interface WidgetLookProps {
  look: Look;
  change: (look: Look) => void;
}
function Fields({ look, change }: WidgetLookProps) {
  const { t } = useTranslation();
  const set = (fields: Partial<Look>): void => change({ ...look, ...fields });
  return (
    <Stack gap="xs">
      <TextInput
        label={t('look.title')}
        value={look.title ?? ''}
        onChange={(event) => set({ title: event.currentTarget.value })}
        maxLength={100}
      />
      <ColorInput
        label={t('look.color')}
        value={look.color ?? ''}
        onChange={(color) => set({ color })}
        placeholder="#3f51d6"
        format="hex"
        popoverProps={{ withinPortal: false }}
        eyeDropperButtonProps={{ 'aria-label': t('look.pick') }}
      />
      <Select
        label={t('look.position')}
        value={look.position ?? 'right'}
        onChange={(position) => position && set({ position })}
        data={(['right', 'left'] as const).map((value) => ({ value, label: t(`look.${value}`) }))}
        allowDeselect={false}
      />
      <TextInput
        label={t('look.avatar')}
        description={t('look.avatarHelp')}
        value={look.avatar ?? ''}
        onChange={(event) => set({ avatar: event.currentTarget.value })}
        placeholder="https://"
      />
      <TextInput
        label={t('look.greeting')}
        description={t('look.greetingHelp')}
        value={look.greeting ?? ''}
        onChange={(event) => set({ greeting: event.currentTarget.value })}
        maxLength={300}
      />
      <NumberInput
        label={t('look.after')}
        value={look.greetingSeconds ?? 3}
        onChange={(seconds) => set({ greetingSeconds: Number(seconds) })}
        min={0}
        max={3600}
        allowDecimal={false}
      />
      <Switch
        label={t('look.sound')}
        checked={look.sound === true}
        onChange={(event) => set({ sound: event.currentTarget.checked })}
      />
      <Text size="sm" fw={500} mt="xs">
        {t('look.texts')}
      </Text>
      {sentences.map((name) => (
        <TextInput
          key={name}
          size="xs"
          label={t(`look.text.${name}`)}
          value={look.texts?.[name] ?? ''}
          onChange={(event) => set({ texts: { ...look.texts, [name]: event.currentTarget.value } })}
          maxLength={300}
        />
      ))}
    </Stack>
  );
}

export function WidgetLook({ look, change }: WidgetLookProps) {
  const { t, i18n } = useTranslation();
  const [language, setLanguage] = useState(i18n.language);
  return (
    <Stack gap="sm">
      <Tag />
      <Title order={4} size="h6">
        {t('look.heading')}
      </Title>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Fields look={look} change={change} />
        <Stack gap="xs">
          <SegmentedControl
            size="xs"
            aria-label={t('look.language')}
            value={language}
            onChange={setLanguage}
            data={[
              { value: 'en', label: 'English' },
              { value: 'zh', label: '中文' },
              { value: 'ar', label: t('look.rtl') },
            ]}
          />
          <Preview look={look} language={language} />
        </Stack>
      </SimpleGrid>
    </Stack>
  );
}
