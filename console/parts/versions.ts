/** Versions of a bot, to choose one. */
import { useTranslation } from 'react-i18next';

import { useModels } from '../queries';

/** A version of the bot by when it was made and what its author calls it. */
export function useVersionChoices(appId: string): { value: string; label: string }[] {
  const { t, i18n } = useTranslation();
  const { data } = useModels(appId);
  const format = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium', timeStyle: 'medium' });
  return (data ?? []).map(({ modelId, createdAt, label, active }) => ({
    value: modelId,
    label: [format.format(new Date(createdAt)), label, active ? t('versions.active') : null]
      .filter((word) => word !== null)
      .join(' · '),
  }));
}
