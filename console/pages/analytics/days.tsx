/** One figure, day by day: drawn, and as a table beside that. */
import { Card, SegmentedControl, Table, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { AnalyticsWire } from '../../api-quality';
import { useAddress } from '../../parts/address';
import { percent } from '../../parts/facts';
import { DayChart, type Line } from './charts';

type Day = AnalyticsWire['days'][number];
const measures = ['messages', 'people', 'fallback', 'time', 'handovers'] as const;
type Measure = (typeof measures)[number];
const dayMs = 86_400_000;

/** Also the days on which nobody wrote. */
function wholeDays({ days, from, to }: AnalyticsWire): { day: string; figures: Day | null }[] {
  const known = new Map(days.map((one) => [one.day, one]));
  const count = Math.round((Date.parse(to) - Date.parse(from)) / dayMs) + 1;
  return Array.from({ length: count }, (_, at) => {
    const day = new Date(Date.parse(from) + at * dayMs).toISOString().slice(0, 10);
    return { day, figures: known.get(day) ?? null };
  });
}

function useLines(measure: Measure): (Line & { of: (day: Day) => number | null })[] {
  const { t } = useTranslation();
  const lines = {
    messages: [
      { key: 'answered', label: t('figures.answered'), of: (day: Day) => day.answered },
      { key: 'fallback', label: t('figures.fallback'), of: (day: Day) => day.fallback },
      { key: 'failed', label: t('figures.failed'), of: (day: Day) => day.failed },
    ],
    people: [{ key: 'people', label: t('figures.people'), of: (day: Day) => day.people }],
    fallback: [{ key: 'rate', label: t('figures.fallbackRate'), of: (day: Day) => day.fallbackRate }],
    time: [
      { key: 'p50', label: t('figures.p50'), of: (day: Day) => day.ms.p50 },
      { key: 'p95', label: t('figures.p95'), of: (day: Day) => day.ms.p95 },
    ],
    handovers: [{ key: 'handovers', label: t('figures.handovers'), of: (day: Day) => day.handovers }],
  };
  return lines[measure];
}

export function Days({ report }: { report: AnalyticsWire }) {
  const { t, i18n } = useTranslation();
  const { search, change } = useAddress();
  const measure = measures.find((name) => name === search.get('show')) ?? 'messages';
  const lines = useLines(measure);
  const days = wholeDays(report);
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 0 });
  const format = (value: number | null): string => {
    if (value === null) return '–';
    if (measure === 'fallback') return percent(value);
    return measure === 'time' ? t('figures.ms', { value: number.format(value) }) : number.format(value);
  };
  const date = new Intl.DateTimeFormat(i18n.language, { day: 'numeric', month: 'short', timeZone: 'UTC' });
  const named = (day: string): string => date.format(new Date(day));
  const points = days.map(({ day, figures }) => ({
    name: named(day),
    ...Object.fromEntries(
      lines.map(({ key, of }) => [
        key,
        figures ? of(figures) : measure === 'time' || measure === 'fallback' ? null : 0,
      ]),
    ),
  }));
  const filled = days.filter(({ figures }) => figures !== null).toReversed();
  return (
    <Card withBorder component="section" aria-label={t('figures.byDay')}>
      <div className="sb-figures-head">
        <Title order={3} size="h5">
          {t('figures.byDay')}
        </Title>
        <SegmentedControl
          size="xs"
          aria-label={t('figures.show')}
          value={measure}
          onChange={(chosen) => change({ show: chosen })}
          data={measures.map((value) => ({ value, label: t(`figures.measure.${value}`) }))}
        />
      </div>
      <div className="sb-figures">
        <DayChart
          label={`${t('figures.byDay')}: ${t(`figures.measure.${measure}`)}`}
          points={points}
          lines={lines}
          format={format}
          kind={measure === 'time' || measure === 'fallback' ? 'lines' : 'bars'}
        />
        <div className="sb-figures-table" tabIndex={0}>
          <Table stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('figures.day')}</Table.Th>
                {lines.map(({ key, label }) => (
                  <Table.Th key={key} ta="end">
                    {label}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {filled.map(({ day, figures }) => (
                <Table.Tr key={day}>
                  <Table.Td style={{ whiteSpace: 'nowrap' }}>{named(day)}</Table.Td>
                  {lines.map(({ key, of }) => (
                    <Table.Td key={key} ta="end">
                      {format(figures && of(figures))}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      </div>
    </Card>
  );
}
