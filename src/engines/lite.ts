/**
 * The lite engine: FAQ retrieval over the bot's own pairs with MiniSearch, for machines where no Rasa can be had. It keeps no
 * conversation state and says plainly how sure it is. Every reply carries `metadata.engine: "lite"`.
 */
import { readFile } from 'node:fs/promises';
import MiniSearch from 'minisearch';
import type { BotMessage, Engine, FaqPair, Parse, RunningEngine, TrainingContent } from '../contracts.js';
import { HubError } from '../errors.js';

/** A topic under its full retrieval intent name, `faq/…` or `chitchat/…`. */
interface Topic {
  key: string;
  answer: FaqPair['answer'];
}
interface Entry {
  id: number;
  question: string;
  topic: Topic;
}
export interface LiteOptions {
  /** What the bot says when it does not know, by language. */
  fallback: (content: TrainingContent) => string;
  /** Pairs that every bot of this template and language has: greeting, thanks, goodbye. */
  chitchat: (content: TrainingContent) => FaqPair[];
}

/**
 * Below this the bot admits not knowing. Measured on bench/answers: 0.4 declines 65-74 % of foreign English questions, 0.3 declines 72 % of
 * Chinese ones, whose single characters overlap less.
 */
const thresholdOf = (language: string): number => (/^(zh|ja|th)/.test(language) ? 0.3 : 0.4);

/** Words for languages that part them, single characters and pairs for those that do not. */
function terms(text: string): string[] {
  const words =
    text
      .toLowerCase()
      .normalize('NFKC')
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.flatMap((word) =>
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(word) ? pieces(word) : [word],
  );
}
function pieces(word: string): string[] {
  const characters = Array.from(word);
  return [...characters, ...characters.slice(1).map((character, i) => `${characters[i] ?? ''}${character}`)];
}

/** The answer of a pair as Rasa's REST channel would give it. */
function messagesOf(answer: FaqPair['answer'], recipient: string): BotMessage[] {
  const parts = typeof answer === 'string' ? [{ text: answer }] : Array.isArray(answer) ? answer : [answer];
  return parts.map((part) => ({
    recipient_id: recipient,
    ...(part.text === undefined ? {} : { text: part.text }),
    ...(part.image === undefined ? {} : { image: part.image }),
    ...(part.buttons === undefined ? {} : { buttons: part.buttons }),
  }));
}

class LiteBot implements RunningEngine {
  readonly engine = 'lite';
  readonly pid = null;
  readonly exited: Promise<{ code: null; signal: null }>;
  private end: () => void = () => undefined;
  private readonly index: MiniSearch<Entry>;
  private readonly weights = new Map<string, number>();

  constructor(
    private readonly entries: Entry[],
    private readonly fallback: string,
    private readonly threshold: number,
  ) {
    this.exited = new Promise((resolve) => {
      this.end = () => resolve({ code: null, signal: null });
    });
    this.index = new MiniSearch<Entry>({ fields: ['question'], tokenize: terms, processTerm: (term) => term });
    this.index.addAll(entries);
    this.weigh();
  }

  /** Inverse document frequency: a rare word says more about the topic than a common one. */
  private weigh(): void {
    const counts = new Map<string, number>();
    for (const entry of this.entries)
      for (const term of new Set(terms(entry.question))) counts.set(term, (counts.get(term) ?? 0) + 1);
    for (const [term, count] of counts) this.weights.set(term, Math.log(1 + this.entries.length / count));
  }

  private weightOf(list: Iterable<string>): number {
    const unknown = Math.log(1 + this.entries.length);
    return [...new Set(list)].reduce((sum, term) => sum + (this.weights.get(term) ?? unknown), 0);
  }

  /** Topics by confidence: the share of weight that the asked and the known question have in common, so 0.5 means the same for every bot. */
  private best(text: string): { topic: Topic; confidence: number }[] {
    const asked = this.weightOf(terms(text));
    const byTopic = new Map<Topic, number>();
    for (const hit of this.index.search(text, { fuzzy: 0.2, tokenize: terms }).slice(0, 50)) {
      const entry = this.entries[Number(hit.id)];
      if (!entry) continue;
      const shared = Math.min(this.weightOf(hit.terms), asked);
      const confidence = Math.min(1, (2 * shared) / (asked + this.weightOf(terms(entry.question))));
      byTopic.set(entry.topic, Math.max(byTopic.get(entry.topic) ?? 0, confidence));
    }
    return [...byTopic]
      .map(([topic, confidence]) => ({ topic, confidence }))
      .sort((a, b) => b.confidence - a.confidence);
  }

  parse(text: string): Promise<Parse> {
    const ranking = this.best(text).slice(0, 10);
    const top = ranking[0];
    const known = top !== undefined && top.confidence >= this.threshold;
    const name = known ? (top.topic.key.split('/')[0] ?? null) : 'nlu_fallback';
    return Promise.resolve({
      text,
      intent: {
        name,
        confidence: known ? top.confidence : 1 - (top?.confidence ?? 0),
        ...(known ? { full_retrieval_intent_name: top.topic.key } : {}),
      },
      entities: [],
      intent_ranking: ranking.map(({ topic, confidence }) => ({ name: topic.key, confidence })),
      metadata: { engine: 'lite' },
    });
  }

  async reply(turn: { sender: string; text: string }): Promise<{ messages: BotMessage[]; parse: Parse }> {
    const parse = await this.parse(turn.text);
    const top = parse.intent.name === 'nlu_fallback' ? undefined : this.best(turn.text)[0];
    const messages = messagesOf(top?.topic.answer ?? this.fallback, turn.sender);
    return { messages, parse };
  }

  stop(): Promise<void> {
    this.end();
    return Promise.resolve();
  }
  log(): string[] {
    return ['The lite engine runs inside the hub: it has no process and no log of its own.'];
  }
}

/** The engine that needs nothing but the content snapshot of the model. */
export function createLiteEngine(options: LiteOptions): Engine {
  return {
    name: 'lite',
    needsModel: true,
    async launch(_bot, model) {
      if (!model) throw new HubError('no_model', 'Train the bot first: PUT its faq, then POST train.');
      const content = JSON.parse(await readFile(model.contentPath, 'utf8')) as TrainingContent;
      return new LiteBot(
        entriesOf(content.pairs, options.chitchat(content)),
        options.fallback(content),
        content.bot.threshold ?? thresholdOf(content.bot.language),
      );
    },
  };
}

/** Every question with its topic; where the author asks the same as our chit-chat, the author's answer stands. */
function entriesOf(pairs: FaqPair[], chitchat: FaqPair[]): Entry[] {
  const folded = (question: string): string => terms(question).join(' ');
  const taken = new Set(pairs.flatMap((pair) => pair.questions.map(folded)));
  const entries = (base: string, list: FaqPair[]): Omit<Entry, 'id'>[] =>
    list.flatMap(({ id, questions, answer }) => {
      const topic = { key: `${base}/${id}`, answer };
      return questions.map((question) => ({ question, topic }));
    });
  const ours = entries('chitchat', chitchat).filter(({ question }) => !taken.has(folded(question)));
  return [...entries('faq', pairs), ...ours].map((entry, id) => ({ ...entry, id }));
}
