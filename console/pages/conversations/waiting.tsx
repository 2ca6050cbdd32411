/** People who wait for a person, and who is being looked after: of all bots. */
import { Anchor, Card, Table, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { channelName, When } from '../../parts/facts';
import { Empty, Heading, Loading, Problem } from '../../parts/said';
import { useBots, useWaiting } from '../../queries';
import { CareBadge, personOf } from './list';

export default function Waiting() {
  const { t } = useTranslation();
  const { data, error, refetch } = useWaiting();
  const { data: bots } = useBots();
  const nameOf = (appId: string): string =>
    bots?.pages.flatMap(({ items }) => items).find((bot) => bot.appId === appId)?.name ?? appId;
  return (
    <>
      <Heading title={t('nav.waiting')} text={t('waiting.text')} />
      {error && <Problem error={error} retry={refetch} />}
      {!data && !error && <Loading />}
      {data?.length === 0 && <Empty icon="waiting" title={t('waiting.none')} text={t('waiting.noneText')} />}
      {data && data.length > 0 && (
        <Card withBorder p={0}>
          <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('waiting.person')}</Table.Th>
                  <Table.Th>{t('home.bot')}</Table.Th>
                  <Table.Th>{t('home.state')}</Table.Th>
                  <Table.Th>{t('waiting.since')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {data.map((talk) => (
                  <Table.Tr key={`${talk.appId} ${talk.id}`}>
                    <Table.Td>
                      <Anchor
                        component={Link}
                        to={`/bots/${talk.appId}/conversations/${encodeURIComponent(talk.id)}`}
                        fw={600}
                        c="inherit"
                        style={{ overflowWrap: 'anywhere' }}
                      >
                        {personOf(talk)}
                      </Anchor>
                      <Text size="xs" className="sb-quiet">
                        {channelName(talk.channel)}
                      </Text>
                    </Table.Td>
                    <Table.Td>{nameOf(talk.appId)}</Table.Td>
                    <Table.Td>
                      <CareBadge care={talk.care} />
                    </Table.Td>
                    <Table.Td>
                      <Text size="sm">
                        <When at={talk.care.since} />
                      </Text>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </Card>
      )}
    </>
  );
}
