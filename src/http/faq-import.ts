/** Routes that take an FAQ in bulk, and that look for flaws in one. */
import { z } from 'zod';
import type { FaqPair, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { FaqImportView, LintBody, LintPairBody, LintView, type PairWire } from '../wire.js';
import { botOf } from './bots.js';
import { faqLimit, ifVersion, pairsOf } from './faq.js';
import { type Route, route } from './route.js';
import { uploadOf, uploadTypes } from './upload.js';

/** What becomes of a table's rows. */
interface Imported {
  topics: { questions: string[]; answer: string }[];
  report: { row: number; outcome: string; detail?: string }[];
  faults: { row: number; kind: string; detail: string; quotes: string[] }[];
  read: z.input<typeof FaqImportView>['read'];
}
export interface FaqImportRoutesOptions {
  store: Pick<Store, 'bots' | 'faq'>;
  /** Reads a table for a bot that has these pairs. Rejects with `invalid` for what is none. */
  readTable: (bytes: Buffer, present: readonly FaqPair[]) => Promise<Imported>;
  /** Answers what is wrong with these pairs; may take a while for thousands. */
  lint: (pairs: Words[], language: string) => Promise<Found[]>;
  /** The same by what questions mean, and of one pair while it is edited. */
  edits: {
    alikes: (pairs: Words[]) => Promise<{ findings: Found[]; whole: boolean }>;
    pair: (
      appId: string,
      edit: { id?: string | undefined; pair: Words; language: string },
      version?: number,
    ) => Promise<{ findings: Found[]; whole: boolean }>;
  };
}
interface Words {
  questions: string[];
  answer: string;
  language?: string | undefined;
}
interface Found {
  kind: string;
  row: number;
  other?: number;
}

const tableLimit = 20_000_000;
const mostFaults = 200;
const mostPairs = 20_000;
const tooMany = {
  ...{ row: 1, kind: 'too_many_pairs', quotes: [String(mostPairs)] },
  detail: `the FAQ would have more than ${mostPairs} pairs`,
};
const types = uploadTypes(
  'text/csv',
  'text/tab-separated-values',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
);
const ImportQuery = z.object({
  replace: z
    .enum(['true', 'false', '1', '0'])
    .optional()
    .meta({ description: 'the table becomes the whole FAQ; otherwise its topics are added to it' }),
});

function refusal(faults: Imported['faults']): HubError {
  const errors = faults
    .slice(0, mostFaults)
    .map(({ row, detail, ...fault }) => ({ pointer: `/${row}`, detail: `row ${row}: ${detail}`, ...fault }));
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more, see errors)` : '';
  return new HubError('invalid', `Nothing was imported. ${errors[0]?.detail ?? ''}${more}.`, { errors });
}

/** The answer of a pair as text, for the linter. */
export function wordsOf(answer: unknown): string {
  if (typeof answer === 'string') return answer;
  if (Array.isArray(answer)) return answer.map(wordsOf).join('\n');
  const { text, image } = (answer ?? {}) as { text?: unknown; image?: unknown };
  return [text, image].filter((word) => typeof word === 'string').join('\n');
}

/** Both ways of looking, each two pairs told once. */
export function together<F extends Found>(spelled: F[], meant: F[]): F[] {
  const keyOf = ({ row, other = 0 }: Found): string => [row, other].sort((a, b) => a - b).join(' ');
  const told = new Set(spelled.filter(({ other }) => other !== undefined).map(keyOf));
  return [...spelled, ...meant.filter((one) => !told.has(keyOf(one)))].sort((a, b) => a.row - b.row);
}

export function faqImportRoutes({ store, readTable, lint, edits }: FaqImportRoutesOptions): Route[] {
  return [
    route({
      method: 'POST',
      path: '/bots/{appId}/faq/import',
      summary:
        'Questions and answers from a table (csv, tsv, xlsx, json), in a form field "file" or as the body: all of it, or nothing and every fault with its row.',
      access: 'edit',
      query: ImportQuery,
      body: { schema: z.instanceof(Buffer), raw: true, limit: tableLimit, types },
      answers: { 200: { description: 'What became of each row.', schema: FaqImportView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { bytes } = await uploadOf(asked);
        const replace = asked.query.replace === 'true' || asked.query.replace === '1';
        for (let tries = 0; ; tries += 1) {
          const faq = await store.faq.get(appId);
          const present = replace ? [] : faq.pairs;
          const { topics, report, faults, read } = await readTable(bytes, present);
          if (faults.length > 0) throw refusal(faults);
          const wire: PairWire[] = topics.map(({ questions, answer }) => ({
            Q: questions.map((q) => ({ q })),
            A: answer,
          }));
          const pairs = [...present, ...pairsOf(wire, replace ? faq.pairs : [])];
          if (pairs.length > mostPairs) throw refusal([tooMany]);
          try {
            const version = await store.faq.put(appId, pairs, faq.version);
            const questions = topics.reduce((sum, topic) => sum + topic.questions.length, 0);
            return {
              headers: { etag: `"${version}"` },
              body: { pairs: topics.length, questions, read, rows: report },
            };
          } catch (error) {
            // Somebody else wrote meanwhile: the rows are held against what is there now.
            if (!(error instanceof HubError) || error.code !== 'version_conflict' || tries > 5) throw error;
          }
        }
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/faq/lint',
      summary:
        'Flaws of an FAQ, each with its row (the place of its pair): nearly the same question with different answers, by letters and, once its vectors are made, by meaning (`whole`: they are all there); topics with one question, empty answers, questions in another language, braces and links that break. Without a body, of the stored one.',
      access: 'edit',
      audited: false,
      body: { schema: LintBody, limit: faqLimit, optional: true },
      answers: { 200: { description: 'The findings, by row; none: it is fine.', schema: LintView } },
      handle: async (asked) => {
        const { appId, language } = await botOf(store, asked);
        const body = asked.body as z.infer<typeof LintBody> | undefined;
        const given = body?.map(({ Q, A, language: own }) => ({
          questions: Q.map(({ q }) => q),
          answer: wordsOf(A),
          language: own,
        }));
        const stored = async () =>
          (await store.faq.get(appId)).pairs.map((pair) => ({ ...pair, answer: wordsOf(pair.answer) }));
        const pairs = given ?? (await stored());
        const [spelled, meant] = [await lint(pairs, language), await edits.alikes(pairs)];
        return { body: { items: together(spelled, meant.findings), next: null, whole: meant.whole } };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/faq/lint/pair',
      summary:
        'Flaws of one pair as it would be beside the stored FAQ: for editors, while somebody types. If-Match with the ETag that the editor has spares reading the FAQ.',
      access: 'edit',
      audited: false,
      body: { schema: LintPairBody },
      answers: { 200: { description: 'The findings.', schema: LintView } },
      handle: async (asked) => {
        const { appId, language } = await botOf(store, asked);
        const { id, Q, A, language: own } = asked.body;
        const pair = { questions: Q.map(({ q }) => q), answer: wordsOf(A), language: own };
        const { findings, whole } = await edits.pair(appId, { id, pair, language }, ifVersion(asked));
        return { body: { items: findings, next: null, whole } };
      },
    }),
  ];
}
