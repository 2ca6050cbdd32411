/** The languages that a bot is asked and answered in. */
import { Select, type SelectProps } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

import type { BotWire, StoredPairWire } from '../api';
import { useFaq } from '../queries';
import { useApi } from '../session';

/** Those that the sentence encoder knows best; any other goes by the API. */
const known = ['en', 'zh', 'ar', 'de', 'es', 'fr', 'it', 'ja', 'ko', 'nl', 'pl', 'pt', 'ru', 'th', 'tr'];

/** The name of a language in the reader's. */
export function useLanguageName(): (code: string) => string {
  const { i18n } = useTranslation();
  return useMemo(() => {
    const names = new Intl.DisplayNames([i18n.language], { type: 'language' });
    return (code) => names.of(code) ?? code;
  }, [i18n.language]);
}

/** How many pairs are in which language, the bot's own first. */
export function countsOf(pairs: readonly StoredPairWire[], own: string): Map<string, number> {
  const counts = new Map([[own, 0]]);
  for (const { language = own } of pairs) counts.set(language, (counts.get(language) ?? 0) + 1);
  return counts;
}

/** The bot's own, and those of its pairs and of its project's folders. */
export function useBotLanguages({ appId, language: own, pipeline }: BotWire): string[] {
  const api = useApi();
  const { data: faq } = useFaq(appId);
  const { data: files } = useQuery({
    queryKey: ['files', appId],
    queryFn: () => api.files(appId),
    enabled: pipeline === 'project',
  });
  return useMemo(() => {
    const folders = (files ?? []).flatMap((path) => /^languages\/([a-z-]+)\//i.exec(path)?.[1] ?? []);
    return [...new Set([...countsOf(faq?.pairs ?? [], own).keys(), ...folders])];
  }, [faq, files, own]);
}

interface LanguageSelectProps extends Omit<SelectProps, 'data' | 'value' | 'onChange'> {
  value: string;
  change: (code: string) => void;
  /** To choose from; all that are known when absent. */
  among?: readonly string[];
}
export function LanguageSelect({ value, change, among = known, ...more }: LanguageSelectProps) {
  const name = useLanguageName();
  return (
    <Select
      data={[...new Set([...among, value])].map((code) => ({ value: code, label: name(code) }))}
      value={value}
      onChange={(chosen) => chosen && change(chosen)}
      allowDeselect={false}
      {...more}
    />
  );
}
