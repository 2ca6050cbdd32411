/** What to do when the pairs could not be kept: somebody else wrote meanwhile, or the hub did not take them. */
import { Alert, Button, Group, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { Draft } from './draft';

export function Conflict({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const { saving, problem, reload, insist, save } = draft;
  if (saving !== 'conflict' && saving !== 'failed') return null;
  return (
    <Alert color="red" variant="light" mb="sm" role="alert" title={t(`saving.${saving}`)}>
      <Text size="sm">{saving === 'conflict' ? t('saving.conflictText') : problem}</Text>
      <Group mt="xs">
        {saving === 'conflict' && (
          <Button size="xs" onClick={() => void reload()}>
            {t('saving.theirs')}
          </Button>
        )}
        <Button size="xs" variant="default" onClick={() => void (saving === 'conflict' ? insist() : save())}>
          {t(saving === 'conflict' ? 'saving.mine' : 'problem.retry')}
        </Button>
      </Group>
    </Alert>
  );
}
