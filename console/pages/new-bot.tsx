/** A bot in under a minute: a name, a language, questions from a spreadsheet. */
import { Button, Card, FileButton, Group, Radio, SimpleGrid, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';

import type { Api, BotWire, TemplateWire } from '../api';
import { Icon } from '../parts/icons';
import { LanguageSelect } from '../parts/languages';
import { Heading, Loading, Problem } from '../parts/said';
import { useTemplates } from '../queries';
import { useApi } from '../session';

interface Asked {
  name: string;
  language: string;
  template: TemplateWire;
  table: Uint8Array | null;
}
/** Makes the bot, fills it, asks for its training. `made`: by an earlier try whose table was refused. */
async function make(api: Api, { name, language, template, table }: Asked, made: BotWire | null): Promise<BotWire> {
  const bot = made ?? (await api.createBot({ name, language, template: template.name }));
  if (made) await api.changeBot(made.appId, { name, language });
  try {
    if (table) await api.importTable(bot.appId, table, { replace: true });
    if (table || template.pairs + template.files > 0) await api.train(bot.appId);
  } catch (error) {
    throw new HalfMade(bot, error);
  }
  return bot;
}
/** The bot is there, its questions are not. */
class HalfMade extends Error {
  constructor(
    readonly bot: BotWire,
    override readonly cause: unknown,
  ) {
    super(String(cause));
  }
}

const rowsIn = (text: string): number => text.split('\n').filter((line) => line.trim() !== '').length;

export function NewBot() {
  const { data: templates, error, refetch } = useTemplates();
  if (error) return <Problem error={error} retry={refetch} />;
  return templates ? <Form templates={templates} /> : <Loading />;
}

function Form({ templates }: { templates: TemplateWire[] }) {
  const { t, i18n } = useTranslation();
  const api = useApi();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [language, setLanguage] = useState(i18n.language);
  const [template, setTemplate] = useState(i18n.language === 'zh' ? 'faq-zh' : 'faq');
  const [text, setText] = useState('');
  const [file, setFile] = useState<File | null>(null);
  const [made, setMade] = useState<BotWire | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const chosen = templates.find((one) => one.name === template) ?? templates[0];

  const submit = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    if (!chosen) return;
    setBusy(true);
    setProblem(null);
    try {
      const pasted = text.trim() === '' ? null : new TextEncoder().encode(text);
      const table = file ? new Uint8Array(await file.arrayBuffer()) : pasted;
      const bot = await make(api, { name: name.trim(), language, template: chosen, table }, made);
      await queries.invalidateQueries({ queryKey: ['bots'] });
      await navigate(`/bots/${bot.appId}`);
    } catch (failure) {
      if (failure instanceof HalfMade) setMade(failure.bot);
      setProblem(failure instanceof HalfMade ? failure.cause : failure);
      setBusy(false);
    }
  };
  const words = (of: Record<string, string>): string => of[i18n.language] ?? of['en'] ?? '';
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Heading title={t('nav.new')} text={t('new.text')} />
      <Stack maw={860}>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput
            label={t('new.name')}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            placeholder={t('new.nameHint')}
            maxLength={200}
            required
            withAsterisk={false}
            data-autofocus
            autoFocus
          />
          <LanguageSelect label={t('new.language')} value={language} change={setLanguage} searchable />
        </SimpleGrid>
        <Radio.Group label={t('new.template')} value={template} onChange={setTemplate}>
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} mt={6}>
            {templates.map((one) => (
              <Radio.Card
                key={one.name}
                value={one.name}
                p="sm"
                disabled={made !== null}
                aria-label={words(one.title) || one.name}
              >
                <Group wrap="nowrap" align="flex-start">
                  <Radio.Indicator />
                  <div>
                    <Text size="sm" fw={600}>
                      {words(one.title) || one.name}
                    </Text>
                    <Text size="xs" className="sb-quiet">
                      {words(one.description)}
                    </Text>
                  </div>
                </Group>
              </Radio.Card>
            ))}
          </SimpleGrid>
        </Radio.Group>
        <Card withBorder>
          <Textarea
            label={t('new.paste')}
            description={t('new.pasteText')}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            placeholder={t('new.pasteHint')}
            rows={7}
            disabled={file !== null}
          />
          <Group mt="xs" justify="space-between">
            <Group gap="xs">
              <FileButton onChange={setFile} accept=".csv,.tsv,.txt,.xlsx,.json">
                {(props) => (
                  <Button {...props} size="xs" variant="default">
                    {t('new.file')}
                  </Button>
                )}
              </FileButton>
              {file && (
                <Button size="xs" variant="subtle" onClick={() => setFile(null)}>
                  {file.name} ×
                </Button>
              )}
            </Group>
            <Text size="xs" className="sb-quiet" aria-live="polite">
              {file ? '' : t('new.rows', { count: rowsIn(text) })}
            </Text>
          </Group>
        </Card>
        {problem !== null && <Problem error={problem} />}
        <Group>
          <Button
            type="submit"
            loading={busy}
            disabled={name.trim() === ''}
            leftSection={<Icon name="check" size={16} />}
          >
            {t('new.go')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
