/** What Rasa's validator says of a project, each with the way to its file. */
import { Anchor, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import type { ProjectFinding } from '../api-project';

export function ProjectFindings({ appId, findings }: { appId: string; findings: readonly ProjectFinding[] }) {
  const { t } = useTranslation();
  return (
    <ul className="sb-findings" aria-label={t('project.findings')}>
      {findings.map(({ severity, path, line, message }, at) => (
        <li key={at}>
          <Text size="sm" component="span">
            <b className={severity === 'error' ? 'sb-bad' : 'sb-mark'}>{t(`project.${severity}`)}</b>{' '}
            {path !== null && (
              <Anchor component={Link} to={`/bots/${appId}/project/${path}`} size="sm">
                {path}
                {line === null ? '' : `:${line}`}
              </Anchor>
            )}{' '}
            {message}
          </Text>
        </li>
      ))}
    </ul>
  );
}
