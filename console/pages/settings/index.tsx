/** What concerns the whole hub, and who is signed in. What somebody may not do is not there. */
import { useTranslation } from 'react-i18next';

import { Heading } from '../../parts/said';
import { type Part, Parts } from '../../parts/tabs';
import { useMay } from '../../session';
import { Audit } from '../access/audit';
import { Keys } from '../access/keys';
import { Own } from './own';
import { Templates } from './templates';
import { Users } from './users';

export default function Settings() {
  const { t } = useTranslation();
  const may = useMay();
  const admin: Part[] = may('administer')
    ? [
        { name: 'users', label: t('access.users'), body: <Users /> },
        { name: 'keys', label: t('access.keys'), body: <Keys appId={null} /> },
      ]
    : [];
  const audit: Part[] = may('own') ? [{ name: 'audit', label: t('access.audit'), body: <Audit appId={null} /> }] : [];
  return (
    <>
      <Heading title={t('nav.settings')} text={t('settings.text')} />
      <Parts
        path="/settings"
        parts={[
          { name: 'own', label: t('settings.own'), body: <Own /> },
          ...admin,
          { name: 'templates', label: t('settings.templates'), body: <Templates /> },
          ...audit,
        ]}
      />
    </>
  );
}
