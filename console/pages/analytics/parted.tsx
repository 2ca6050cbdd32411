/** Figures by channel, version or topic: drawn, and as a table beside that. */
import { Card, Table, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { AnalyticsWire } from '../../api-quality';
import { percent } from '../../parts/facts';
import { PartChart } from './charts';

/** Of topics only the messages are counted. */
export type Row = { name: string; messages: number } & Partial<AnalyticsWire['totals']>;
const mostDrawn = 12;

export function Parted({ title, head, rows }: { title: string; head: string; rows: Row[] }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 0 });
  if (rows.length === 0) return null;
  const sorted = rows.toSorted((one, other) => other.messages - one.messages);
  const whole = sorted.some(({ ms }) => ms !== undefined);
  return (
    <Card withBorder component="section" aria-label={title}>
      <Title order={3} size="h5" mb="sm">
        {title}
      </Title>
      <div className="sb-figures">
        <PartChart label={title} points={sorted.slice(0, mostDrawn)} counted={t('figures.messages')} />
        <div className="sb-figures-table" tabIndex={0}>
          <Table stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{head}</Table.Th>
                <Table.Th ta="end">{t('figures.messages')}</Table.Th>
                {whole && (
                  <>
                    <Table.Th ta="end">{t('figures.fallbackRate')}</Table.Th>
                    <Table.Th ta="end">{t('figures.p50')}</Table.Th>
                    <Table.Th ta="end">{t('figures.handovers')}</Table.Th>
                  </>
                )}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {sorted.map(({ name, messages, fallbackRate, ms, handovers }, at) => (
                <Table.Tr key={`${at} ${name}`}>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{name}</Table.Td>
                  <Table.Td ta="end">{number.format(messages)}</Table.Td>
                  {whole && (
                    <>
                      <Table.Td ta="end">{fallbackRate == null ? '–' : percent(fallbackRate)}</Table.Td>
                      <Table.Td ta="end">
                        {ms?.p50 == null ? '–' : t('figures.ms', { value: number.format(ms.p50) })}
                      </Table.Td>
                      <Table.Td ta="end">{number.format(handovers ?? 0)}</Table.Td>
                    </>
                  )}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      </div>
    </Card>
  );
}
