/**
 * What people paste, made fit for training: questions deduplicated, blank ones dropped, answers cut into the messages they are sent as.
 * Whatever is left out is said in a note.
 */
import { createHash } from 'node:crypto';
import type { AnswerPart, FaqPair } from '../contracts.js';
import { TrainingFailure } from './failure.js';
import { type Remark, remark } from './remark.js';

/** A pair ready for training. */
export interface Topic {
  /** Short, stable, of letters, digits, `-` and `_`: the part after `faq/`. */
  id: string;
  questions: string[];
  /** The messages of the answer, in order; at least one. */
  parts: AnswerPart[];
}
/** What a training leaves out of an FAQ or changes of it. `more`: how many notes more there would be. */
export type Note = Remark<'no_words' | 'cut' | 'asked_before' | 'left_out' | 'more'>;
export interface Topics {
  topics: Topic[];
  notes: Note[];
}

const longest = 8000;
const shown = 60;
const mostNotes = 200;

/**
 * The topics of an FAQ, in its order. Chit-chat of the template comes out of `chitchatBeside`.
 * @throws TrainingFailure `empty_topic` or `empty_answer`, naming the pair.
 */
export function topicsOf(pairs: readonly FaqPair[]): Topics {
  const notes: Note[] = [];
  const owners = new Map<string, number>();
  const ids = new Set<string>();
  const topics = pairs.flatMap((pair, at) => {
    const questions = wordedQuestions(pair, at, notes).filter((question) => mine(question, at, { owners, notes }));
    if (questions.length === 0) {
      const why =
        'Earlier pairs ask each of its questions, so its answer could never be given; put the right answer there.';
      notes.push(remark('left_out', `Left out: ${nameOf(pair, at)}. ${why}`, [at + 1, firstWordsOf(pair)]));
      return [];
    }
    return [{ id: freshId(idOf(pair.id), ids), questions, parts: partsOf(pair, at) }];
  });
  const more = notes.splice(mostNotes).length;
  if (more > 0) notes.push(remark('more', `… and ${more} more of the kind.`, [more]));
  return { topics, notes };
}

/** The template's chit-chat without the questions that the author answers himself; a topic left without questions is gone. */
export function chitchatBeside(chitchat: readonly FaqPair[], authored: readonly Topic[]): Topic[] {
  const taken = new Set(authored.flatMap((topic) => topic.questions.map(folded)));
  return chitchat.flatMap((pair, at) => {
    const questions = pair.questions.filter((question) => !taken.has(folded(question)));
    return questions.length === 0 ? [] : [{ id: idOf(pair.id), questions, parts: partsOf(pair, at) }];
  });
}

/** A question without case, accents of width, punctuation and blanks: two questions that fold alike are asked alike. */
export function folded(question: string): string {
  const key = caseless(question).replace(/[\p{P}\p{Z}\p{C}]+/gu, '');
  return key === '' ? question : key;
}

/** The messages of an answer as Rasa sends them. An image that follows a text travels in one response with it, in that order. */
function partsOf(pair: FaqPair, at: number): AnswerPart[] {
  const { answer } = pair;
  const written = typeof answer === 'string' ? [{ text: answer }] : Array.isArray(answer) ? answer : [answer];
  const parts: AnswerPart[] = [];
  for (const part of written.filter(saysSomething)) {
    const last = parts.at(-1);
    if (last && onlyImage(part) && last.image === undefined) parts[parts.length - 1] = { ...last, image: part.image };
    else parts.push(part);
  }
  if (parts.length === 0) {
    throw new TrainingFailure(
      'empty_answer',
      `The answer of ${nameOf(pair, at)} is empty. Write one, or delete the pair.`,
    );
  }
  return parts;
}

const saysSomething = (part: AnswerPart): boolean =>
  (part.text !== undefined && part.text.trim() !== '') || part.image !== undefined || (part.buttons ?? []).length > 0;
const onlyImage = (part: AnswerPart): boolean =>
  part.image !== undefined && !part.text && (part.buttons ?? []).length === 0;

function wordedQuestions(pair: FaqPair, at: number, notes: Note[]): string[] {
  const questions = pair.questions.flatMap((question, number) => {
    const text = question.trim();
    const note = (kind: 'no_words' | 'cut', what: string): void => {
      const where = `Question ${number + 1} of ${nameOf(pair, at)}`;
      notes.push(remark(kind, `${where} ${what}`, [number + 1, at + 1, firstWordsOf(pair)]));
    };
    if (!/[\p{L}\p{N}\p{S}]/u.test(text)) {
      note('no_words', 'has no words and was left out.');
      return [];
    }
    if (text.length > longest) note('cut', `is longer than ${longest} characters; the rest was left out.`);
    return [headOf(text, longest)];
  });
  if (questions.length === 0) {
    throw new TrainingFailure(
      'empty_topic',
      `No question of ${nameOf(pair, at)} has words in it. Write at least one, or delete the pair.`,
    );
  }
  return questions;
}

/** Is the question new? If it is a repetition within its pair, nobody needs to hear of it; one of another pair is noted. */
function mine(question: string, at: number, seen: { owners: Map<string, number>; notes: Note[] }): boolean {
  const key = caseless(question).replace(/\s+/g, ' ');
  const owner = seen.owners.get(key);
  if (owner === undefined) seen.owners.set(key, at);
  else if (owner !== at) {
    const [asked, first, again] = [headOf(question, shown), owner + 1, at + 1];
    const detail = `"${asked}" is asked in pair ${first} and again in pair ${again}; pair ${first} keeps it.`;
    seen.notes.push(remark('asked_before', detail, [asked, first, again]));
  }
  return owner === undefined;
}

const nameOf = (pair: FaqPair, at: number): string => `pair ${at + 1} ("${firstWordsOf(pair)}")`;

/** By what a person knows the pair. */
function firstWordsOf(pair: FaqPair): string {
  const question = pair.questions.find((text) => text.trim() !== '');
  const answer = typeof pair.answer === 'string' ? pair.answer : '';
  const words = headOf((question ?? answer).trim(), shown);
  return words === '' ? pair.id : words;
}

const caseless = (text: string): string => text.normalize('NFKC').toLowerCase().trim();

/** The first `length` code units, never half a character pair. */
export function headOf(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}

/** An id that Rasa takes in a name: the author's own where it fits, else a short digest of it. */
function idOf(id: string): string {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/.test(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, 12);
}

function freshId(id: string, taken: Set<string>): string {
  let fresh = id;
  for (let number = 2; taken.has(fresh); number++) fresh = `${id}-${number}`;
  taken.add(fresh);
  return fresh;
}
