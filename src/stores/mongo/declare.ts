/**
 * What a collection holds, its indexes, and the questions it may be asked. There is no other way to ask: each question names its index,
 * and a unit test checks that its fields are a prefix of it, so that none can scan a collection.
 */

/** `list`: subdocuments or plain values. Every field may be null. */
export type FieldType = 'string' | 'number' | 'boolean' | 'list';
/** What every document has: its id, and a mark that changes with every write to it. */
export interface Stored {
  _id: string | number;
  rev: string;
}
export interface Index {
  /** Ascending, outermost first; MongoDB walks an index both ways. */
  readonly keys: readonly string[];
  readonly unique?: true;
  /** Only documents with these values are in it: they are part of every question that uses it. */
  readonly only?: Readonly<Record<string, string | boolean>>;
}
export interface Question {
  /** A name in `indexes`, or `id`. */
  readonly index: string;
  /** Fields compared with one value or with a list of values. */
  readonly equal: readonly string[];
  /** The order of the answer, and the key that a page begins after. One field or two. */
  readonly sorted?: readonly string[];
  readonly order?: 'up' | 'down';
  /** The list whose entries are asked about, where it is not about whole documents. */
  readonly unwind?: string;
}
export interface Collection<Doc extends Stored, Name extends string = string> {
  readonly name: string;
  readonly fields: { readonly [Field in Exclude<keyof Doc, 'rev'>]: FieldType };
  /** Types of fields inside lists, such as `letters.seq`, as far as questions use them. */
  readonly inner?: Readonly<Record<string, FieldType>>;
  readonly indexes: Readonly<Record<string, Index>>;
  readonly questions: Readonly<Record<Name, Question>>;
}

/** The index that MongoDB makes by itself. */
const idIndex: Index = { keys: ['_id'] };

/** The index a question uses. Throws for one that is not declared. */
export function indexOf(collection: Collection<never>, question: Question): Index {
  const index = question.index === 'id' ? idIndex : collection.indexes[question.index];
  if (!index) throw new Error(`${collection.name} has no index ${question.index}`);
  return index;
}

/** Why the question would not be answered by its index alone; null when it is. */
export function flawOf(collection: Collection<never>, question: Question): string | null {
  const { keys, only = {} } = indexOf(collection, question);
  const equal = new Set([...Object.keys(only), ...question.equal]);
  const sorted = question.sorted ?? [];
  const head = keys.slice(0, equal.size);
  const next = keys.slice(equal.size, equal.size + sorted.length);
  const known = (field: string): boolean =>
    field in collection.fields || (collection.inner !== undefined && field in collection.inner);
  const unknown = [...keys, ...equal, ...sorted].find((field) => !known(field));
  if (unknown !== undefined) return `${unknown} is not declared`;
  if (equal.size === 0 && sorted.length === 0) return 'it asks for everything';
  if (!head.every((field) => equal.has(field))) return `${[...equal].join(', ')} is no prefix of ${keys.join(', ')}`;
  if (next.join() !== sorted.join()) return `the order ${sorted.join(', ')} does not follow in ${keys.join(', ')}`;
  return null;
}
