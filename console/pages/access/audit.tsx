/** Who changed what, of the whole hub or of one bot. */
import { Button, Code, Group, Stack, Table, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { AuditFilter, AuditWire } from '../../api-access';
import { useAct } from '../../parts/act';
import { When } from '../../parts/facts';
import { keepFile } from '../../parts/file';
import { Paged } from '../../parts/paged';
import { useApi } from '../../session';

const shown = (value: unknown): string => (value === null ? '–' : JSON.stringify(value, null, 2));

function Entry({ entry }: { entry: AuditWire }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const changed = entry.before !== null || entry.after !== null;
  return (
    <>
      <Table.Tr>
        <Table.Td>
          <Text size="sm">
            <When at={entry.at} />
          </Text>
        </Table.Td>
        <Table.Td>
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {entry.by.name || entry.by.kind}
          </Text>
          <Text size="xs" className="sb-quiet">
            {entry.from}
          </Text>
        </Table.Td>
        <Table.Td>
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {entry.action}
          </Text>
          <Text size="xs" className="sb-quiet" style={{ overflowWrap: 'anywhere' }}>
            {entry.target}
          </Text>
        </Table.Td>
        <Table.Td>
          <Text size="sm" c={entry.status >= 400 ? 'red' : 'inherit'}>
            {entry.status}
          </Text>
        </Table.Td>
        <Table.Td ta="end">
          {changed && (
            <Button size="compact-sm" variant="subtle" aria-expanded={open} onClick={() => setOpen(!open)}>
              {t('audit.what')}
            </Button>
          )}
        </Table.Td>
      </Table.Tr>
      {open && (
        <Table.Tr>
          <Table.Td colSpan={5}>
            <Group align="flex-start" grow>
              {(['before', 'after'] as const).map((side) => (
                <div key={side}>
                  <Text size="xs" fw={600}>
                    {t(`audit.${side}`)}
                  </Text>
                  <Code block tabIndex={0} style={{ maxHeight: 300 }}>
                    {shown(entry[side])}
                  </Code>
                </div>
              ))}
            </Group>
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

/** A day as the form has it, as the hub wants it. */
const startOf = (day: string): string => (day === '' ? '' : new Date(`${day}T00:00:00`).toISOString());
const endOf = (day: string): string => (day === '' ? '' : new Date(`${day}T23:59:59.999`).toISOString());

export function Audit({ appId }: { appId: string | null }) {
  const { t } = useTranslation();
  const api = useApi();
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const filter: AuditFilter = { appId, from: startOf(from), to: endOf(to) };
  const file = useAct({ run: () => api.auditFile(filter), done: (made) => keepFile('audit.csv', made) });
  return (
    <Stack>
      <Group align="flex-end">
        <TextInput
          type="date"
          label={t('from')}
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
        />
        <TextInput type="date" label={t('to')} value={to} onChange={(event) => setTo(event.currentTarget.value)} />
        <Button variant="default" loading={file.isPending} onClick={() => file.mutate()}>
          {t('audit.file')}
        </Button>
      </Group>
      <Paged
        queryKey={['audit', filter]}
        read={(cursor) => api.audit(filter, cursor)}
        row={(entry) => <Entry key={entry.id} entry={entry} />}
        head={[t('audit.when'), t('audit.who'), t('audit.action'), t('audit.status'), t('training.more')]}
        minWidth={640}
        empty={{ icon: 'edit', title: t('audit.none'), text: t('audit.noneText') }}
      />
    </Stack>
  );
}
