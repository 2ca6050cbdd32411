/** What new bots can be made from: what comes with the hub, and what was saved from bots here. */
import { Badge, Button, Card, Group, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { TemplateWire } from '../../api';
import { SureButton, tell, useAct } from '../../parts/act';
import { Loading, Problem } from '../../parts/said';
import { useBots, useTemplates } from '../../queries';
import { useApi, useMay } from '../../session';

const stale = [['templates']];

function SaveForm() {
  const { t } = useTranslation();
  const api = useApi();
  const { data } = useBots();
  const [name, setName] = useState('');
  const [fromBot, setFrom] = useState<string | null>(null);
  const [title, setTitle] = useState('');
  const save = useAct({
    run: () =>
      api.saveTemplate({ name: name.trim(), fromBot: fromBot ?? '', title: { en: title.trim() || name.trim() } }),
    done: () => {
      setName('');
      setTitle('');
      tell('good', t('templates.saved'));
    },
    stale,
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  const bots = data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <Card withBorder component="form" onSubmit={submit}>
      <Group align="flex-end">
        <Select
          label={t('templates.from')}
          data={bots.map((bot) => ({ value: bot.appId, label: bot.name }))}
          value={fromBot}
          onChange={setFrom}
          searchable
          flex="1 1 180px"
        />
        <TextInput
          label={t('templates.name')}
          description={t('templates.nameHelp')}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          flex="1 1 180px"
        />
        <TextInput
          label={t('templates.title')}
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
          flex="1 1 180px"
        />
        <Button type="submit" loading={save.isPending} disabled={fromBot === null || name.trim() === ''}>
          {t('templates.save')}
        </Button>
      </Group>
    </Card>
  );
}

function TemplateRow({ template, mayChange }: { template: TemplateWire; mayChange: boolean }) {
  const { t, i18n } = useTranslation();
  const api = useApi();
  const remove = useAct({ run: () => api.deleteTemplate(template.name), stale });
  const inWords = (words: Record<string, string>): string => words[i18n.language] ?? words['en'] ?? words['zh'] ?? '';
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm" fw={600}>
          {inWords(template.title) || template.name}
        </Text>
        <Text size="xs" className="sb-quiet">
          {inWords(template.description)}
        </Text>
      </Table.Td>
      <Table.Td>
        <Badge variant="default" tt="none">
          {t(template.shipped ? 'templates.shipped' : 'templates.own')}
        </Badge>
      </Table.Td>
      <Table.Td>{t('templates.holds', { pairs: template.pairs, files: template.files })}</Table.Td>
      <Table.Td ta="end">
        {mayChange && !template.shipped && (
          <SureButton
            label={t('remove')}
            title={t('templates.remove')}
            text={t('templates.removeText')}
            act={() => remove.mutateAsync()}
            button={{ size: 'compact-sm' }}
          />
        )}
      </Table.Td>
    </Table.Tr>
  );
}

export function Templates() {
  const { t } = useTranslation();
  const may = useMay();
  const { data, error, refetch } = useTemplates();
  if (error) return <Problem error={error} retry={refetch} />;
  if (!data) return <Loading />;
  return (
    <Stack>
      <Text size="sm" className="sb-quiet">
        {t('templates.text')}
      </Text>
      {may('create') && <SaveForm />}
      <Card withBorder p={0}>
        <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table>
            <Table.Tbody>
              {data.map((template) => (
                <TemplateRow key={template.name} template={template} mayChange={may('create')} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Card>
    </Stack>
  );
}
