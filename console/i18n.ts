/** The console's languages. The words are in locales/, flat, a key for each sentence. */
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

import en from './locales/en.json';

export const languages = { en: 'English', zh: '中文' } as const;
export type Language = keyof typeof languages;
const kept = 'switchboard.language';

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'words';
    keySeparator: false;
    nsSeparator: false;
    resources: { words: typeof en };
  }
}

export const isLanguage = (text: string | null | undefined): text is Language => text === 'en' || text === 'zh';
/** Chosen earlier, or the browser's. */
function firstLanguage(): Language {
  const chosen = localStorage.getItem(kept);
  if (isLanguage(chosen)) return chosen;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** English is always there; the other languages are fetched by who reads them. */
async function load(language: Language): Promise<void> {
  if (language !== 'zh' || i18next.hasResourceBundle('zh', 'words')) return;
  i18next.addResourceBundle('zh', 'words', (await import('./locales/zh.json')).default);
}

export async function chooseLanguage(language: Language): Promise<void> {
  await load(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  localStorage.setItem(kept, language);
}

export async function startLanguages(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    ns: ['words'],
    defaultNS: 'words',
    keySeparator: false,
    nsSeparator: false,
    resources: { en: { words: en } },
    // React escapes.
    interpolation: { escapeValue: false },
  });
  const language = firstLanguage();
  await load(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}
