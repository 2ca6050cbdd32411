/** What the hub says in English, in the reader's language as far as its codes and kinds tell: the particulars stay the hub's. */
import i18next from 'i18next';

import { type FaqImport, type Finding, HubRefusal, HubUnreachable } from '../api';
import type { FoundWire } from '../api-quality';
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

const places = ([first, second, third]: string[]) => ({ first, second, third });
type FaultIn<K> = K extends `import.fault.${infer Kind}` ? Kind : never;
type FaultKind = FaultIn<keyof typeof en>;
const knowsFault = (kind: string | undefined): kind is FaultKind => i18next.exists(`import.fault.${kind}`);

/** What a call rejected with: in the reader's language where its faults tell by their kinds what they are, else as the hub says it. */
export function wordsOf(error: unknown): { title: string; text: string | null; faults: string[] } {
  const faults = error instanceof HubRefusal ? (error.problem.errors ?? []) : [];
  const told = faults.flatMap(({ kind, pointer, quotes = [] }) =>
    knowsFault(kind) ? [i18next.t(`import.fault.${kind}`, { row: pointer.slice(1), ...places(quotes) })] : [],
  );
  if (told.length > 0 && told.length === faults.length)
    return { title: i18next.t('import.nothing'), text: null, faults: told };
  const text = error instanceof Error ? error.message : String(error);
  const title = titleOf(error);
  return { title, text, faults: faults.length > 1 ? faults.map(({ pointer, detail }) => `${pointer}: ${detail}`) : [] };
}

/** What a training leaves out. */
export const noteOf = ({ kind, quotes }: FoundWire['notes'][number]): string =>
  i18next.t(`found.note.${kind}`, places(quotes));

/** How a table was read. */
export const readingOf = ({ kind, quotes }: FaqImport['read'][number]): string =>
  i18next.t(`import.read.${kind}`, places(quotes));

/** What the linter finds, in one sentence. */
export const remarkOf = ({ kind, quotes: [text, other], other: row }: Finding): string =>
  i18next.t(`found.mark.${kind}`, { text, other, row });
