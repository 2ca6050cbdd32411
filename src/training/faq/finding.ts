/** What the linter says of one pair. Pure. */
import { headOf } from '../content.js';
import type { Remark } from '../remark.js';

export interface LintPair {
  questions: string[];
  /** Empty: nothing is said. */
  answer: string;
  /** Absent: the bot's own. */
  language?: string | undefined;
}
/** Its quotes are shortened: the question, that of the other pair; the braces; the link. */
export interface LintFinding extends Remark<
  | ('near_duplicate' | 'alike' | 'single_question' | 'empty_answer' | 'no_question')
  | ('never_reached' | 'other_language' | 'broken_braces' | 'broken_link')
> {
  /** Place of the pair in the list, from 1. */
  row: number;
  /** Of a near duplicate, by letters or by meaning (`alike`), and of what is never reached: the other pair. */
  other?: number;
}
/** A question and the pair that it is of. */
interface Asked {
  row: number;
  text: string;
}
const shown = 80;

/** `say` gets the texts as they are quoted: in quotation marks, the long ones shortened. */
export function findingOf(
  about: Pick<LintFinding, 'kind' | 'row' | 'other'>,
  texts: readonly string[],
  say: (...quoted: string[]) => string,
): LintFinding {
  const quotes = texts.map((text) => (text.length > shown ? `${headOf(text, shown)}…` : text));
  return { ...about, detail: say(...quotes.map((text) => JSON.stringify(text))), quotes };
}

/** Two questions whose answers differ and which are the same but for letters (`near_duplicate`) or words (`alike`). */
export function twins(kind: 'near_duplicate' | 'alike', { row, text }: Asked, other: Asked): LintFinding {
  const how = kind === 'alike' ? 'means nearly the same as' : 'is asked nearly as';
  return findingOf(
    { kind, row, other: other.row },
    [text, other.text],
    (mine, theirs) => `${mine} ${how} ${theirs} of row ${other.row}, and is answered otherwise.`,
  );
}
