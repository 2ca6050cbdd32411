/** What the hub says in English, in the reader's language as far as its codes and kinds tell: the particulars stay the hub's. */
import i18next from 'i18next';

import { type Finding, HubRefusal, HubUnreachable } from '../api';
import type en from '../locales/en.json';

type CodeIn<K> = K extends `problem.code.${infer Code}` ? Code : never;
type Code = CodeIn<keyof typeof en>;

/** The heading of an error with this code; null for one that this console does not know. */
export const titleOfCode = (code: string): string | null =>
  i18next.exists(`problem.code.${code}`) ? i18next.t(`problem.code.${code as Code}`) : null;

/** The heading of whatever a call rejected with. */
export function titleOf(error: unknown): string {
  if (error instanceof HubUnreachable) return i18next.t('problem.unreachable');
  const title = error instanceof HubRefusal ? titleOfCode(error.problem.code) : null;
  return title ?? i18next.t('problem.title');
}

/** What the linter finds, in one sentence. */
export const remarkOf = ({ kind, quotes: [text, other], other: row }: Finding): string =>
  i18next.t(`found.mark.${kind}`, { text, other, row });
