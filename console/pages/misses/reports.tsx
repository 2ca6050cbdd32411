/** What became of answers to misses: how many of those who asked in vain would be answered now. */
import { Anchor, Card, Group, Loader, Progress, Table, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { MissReportWire } from '../../api-quality';
import { When } from '../../parts/facts';

export const isAtWork = ({ state }: MissReportWire): boolean => ['waiting', 'training', 'asking'].includes(state);

function Outcome({ report }: { report: MissReportWire }) {
  const { t } = useTranslation();
  const { state, turns, answered, elsewhere, unanswered, error } = report;
  if (state !== 'done')
    return (
      <Group gap="xs" wrap="nowrap">
        {isAtWork(report) && <Loader size="xs" />}
        <div>
          <Text size="sm">{t(`miss.state.${state}`)}</Text>
          {error !== null && (
            <Text size="xs" c="red">
              {error}
            </Text>
          )}
        </div>
      </Group>
    );
  const words = t('miss.answered', { answered, count: turns });
  return (
    <>
      <Text size="sm" fw={600}>
        {words}
      </Text>
      <Progress value={turns === 0 ? 0 : (answered / turns) * 100} color="teal.8" size={6} my={4} aria-label={words} />
      {elsewhere + unanswered > 0 && (
        <Text size="xs" className="sb-quiet">
          {t('miss.others', { elsewhere, unanswered })}
        </Text>
      )}
    </>
  );
}

interface ReportsProps {
  reports: MissReportWire[];
  /** The first questions of topics by their names. */
  topics: ReadonlyMap<string, string>;
  appId: string;
}
export function Reports({ reports, topics, appId }: ReportsProps) {
  const { t } = useTranslation();
  if (reports.length === 0) return null;
  return (
    <section aria-label={t('miss.reports')}>
      <Title order={2} size="h4" mt="md" mb="xs">
        {t('miss.reports')}
      </Title>
      <Card withBorder p={0}>
        <Table.ScrollContainer minWidth={480} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('nav.questions')}</Table.Th>
                <Table.Th>{t('miss.outcome')}</Table.Th>
                <Table.Th>{t('training.asked')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {reports.slice(0, 20).map((report) => (
                <Table.Tr key={`${report.clusterId} ${report.pairId} ${report.at}`}>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>
                    <Anchor component={Link} to={`/bots/${appId}?pair=${encodeURIComponent(report.pairId)}`} size="sm">
                      {topics.get(`faq/${report.pairId}`) ?? report.pairId}
                    </Anchor>
                  </Table.Td>
                  <Table.Td miw={190}>
                    <Outcome report={report} />
                  </Table.Td>
                  <Table.Td>
                    <Text size="sm">
                      <When at={report.at} />
                    </Text>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Card>
    </section>
  );
}
