/** What the bot must go on doing, and what a new version must pass before it answers. */
import { useTranslation } from 'react-i18next';

import { Heading } from '../../parts/said';
import { Parts } from '../../parts/tabs';
import { useThisBot } from '../bot';
import { Promotion } from './promotion';
import { Rules } from './rules';
import { Conversations, Questions } from './suite';

export default function Tests() {
  const { t } = useTranslation();
  const { appId } = useThisBot();
  return (
    <>
      <Heading title={t('nav.tests')} text={t('tests.text')} order={2} />
      <Parts
        path={`/bots/${appId}/tests`}
        parts={[
          { name: 'conversations', label: t('tests.conversations'), body: <Conversations /> },
          { name: 'questions', label: t('tests.questions'), body: <Questions /> },
          { name: 'promotion', label: t('tests.promotion'), body: <Promotion /> },
          { name: 'rules', label: t('tests.rules'), body: <Rules /> },
        ]}
      />
    </>
  );
}
