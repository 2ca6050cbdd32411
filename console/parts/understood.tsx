/** What a bot made of a text: intent, ranking, entities, and how long that took. */
import { Badge, Card, Group, Progress, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { Understood } from '../api';
import { percent } from './facts';

interface UnderstandingProps {
  understood: Understood;
  /** From the sending to the whole answer. */
  ms: number | undefined;
  /** The first questions of topics by their names. */
  topics: ReadonlyMap<string, string>;
}
export function Understanding({ understood, ms, topics }: UnderstandingProps) {
  const { t } = useTranslation();
  const { intent, confidence, ranking, entities, engine } = understood;
  return (
    <Card withBorder p="xs" data-testid="understood">
      <Group gap={6} justify="space-between">
        <Text size="xs" fw={600} style={{ overflowWrap: 'anywhere' }}>
          {t('try.intent')}: {intent ?? '–'}
        </Text>
        <Badge variant="default" tt="none">
          {percent(confidence)}
        </Badge>
      </Group>
      <Stack gap={4} mt={6}>
        {ranking.map(({ name, confidence: share }) => (
          <div key={name}>
            <Group gap={6} justify="space-between" wrap="nowrap">
              <Text size="xs" truncate title={name}>
                {topics.get(name) ?? name}
              </Text>
              <Text size="xs" className="sb-quiet">
                {percent(share)}
              </Text>
            </Group>
            <Progress value={share * 100} size={4} aria-label={name} />
          </div>
        ))}
      </Stack>
      {entities.length > 0 && (
        <Text size="xs" mt={6} style={{ overflowWrap: 'anywhere' }}>
          {t('try.entities')}: {entities.map((entity) => describe(entity)).join(', ')}
        </Text>
      )}
      <Text size="xs" className="sb-quiet" mt={6}>
        {understood.ms === null
          ? t('try.took', { answer: ms ?? '…' })
          : t('try.times', { parse: understood.ms, answer: ms ?? '…' })}
        {engine ? ` · ${engine}` : ''}
      </Text>
    </Card>
  );
}
function describe(entity: unknown): string {
  const { entity: name = '?', value = '' } = entity as { entity?: string; value?: unknown };
  return `${name} = ${typeof value === 'string' ? value : JSON.stringify(value)}`;
}
