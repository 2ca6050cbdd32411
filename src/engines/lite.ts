/**
 * The lite engine: FAQ retrieval over the bot's own pairs with MiniSearch, for machines where no Rasa can be had. It keeps no
 * conversation state and says plainly how sure it is. Every reply carries `metadata.engine: "lite"`.
 */
import { readFile } from 'node:fs/promises';
import MiniSearch from 'minisearch';
import type { BotMessage, Engine, FaqPair, Parse, RunningEngine, TrainingContent } from '../contracts.js';
import { HubError } from '../errors.js';

interface Entry {
  id: number;
  question: string;
  pair: FaqPair;
}
export interface LiteOptions {
  /** What the bot says when it does not know, by language. */
  fallback: (content: TrainingContent) => string;
  /** Pairs that every bot of this template and language has: greeting, thanks, goodbye. */
  chitchat: (content: TrainingContent) => FaqPair[];
}

/** Below this share of the question's weight found in the best match, the bot admits not knowing (measured by `bench:answers`). */
const defaultThreshold = 0.5;

/** Words for languages that part them, single characters and pairs for those that do not. */
function terms(text: string): string[] {
  const words = text.toLowerCase().normalize('NFKC').match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.flatMap((word) => (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(word) ? pieces(word) : [word]));
}
function pieces(word: string): string[] {
  const characters = [...word];
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
    for (const entry of this.entries) for (const term of new Set(terms(entry.question))) counts.set(term, (counts.get(term) ?? 0) + 1);
    for (const [term, count] of counts) this.weights.set(term, Math.log(1 + this.entries.length / count));
  }

  private weightOf(list: Iterable<string>): number {
    const unknown = Math.log(1 + this.entries.length);
    return [...new Set(list)].reduce((sum, term) => sum + (this.weights.get(term) ?? unknown), 0);
  }

  /** Pairs by confidence: the share of weight that the asked and the known question have in common, so 0.5 means the same for every bot. */
  private best(text: string): { pair: FaqPair; confidence: number }[] {
    const asked = this.weightOf(terms(text));
    const byPair = new Map<FaqPair, number>();
    for (const hit of this.index.search(text, { fuzzy: 0.2, tokenize: terms }).slice(0, 50)) {
      const entry = this.entries[Number(hit.id)];
      if (!entry) continue;
      const shared = Math.min(this.weightOf(hit.terms), asked);
      const confidence = Math.min(1, (2 * shared) / (asked + this.weightOf(terms(entry.question))));
      byPair.set(entry.pair, Math.max(byPair.get(entry.pair) ?? 0, confidence));
    }
    return [...byPair].map(([pair, confidence]) => ({ pair, confidence })).sort((a, b) => b.confidence - a.confidence);
  }

  parse(text: string): Promise<Parse> {
    const ranking = this.best(text).slice(0, 10);
    const top = ranking[0];
    const known = top !== undefined && top.confidence >= this.threshold;
    const name = known ? (top.pair.id.startsWith('chitchat/') ? 'chitchat' : 'faq') : 'nlu_fallback';
    const key = (pair: FaqPair): string => (pair.id.startsWith('chitchat/') ? pair.id : `faq/${pair.id}`);
    return Promise.resolve({
      text,
      intent: {
        name,
        confidence: known ? top.confidence : 1 - (top?.confidence ?? 0),
        ...(known ? { full_retrieval_intent_name: key(top.pair) } : {}),
      },
      entities: [],
      intent_ranking: ranking.map(({ pair, confidence }) => ({ name: key(pair), confidence })),
      metadata: { engine: 'lite' },
    });
  }

  async reply(turn: { sender: string; text: string }): Promise<{ messages: BotMessage[]; parse: Parse }> {
    const parse = await this.parse(turn.text);
    const top = parse.intent.name === 'nlu_fallback' ? undefined : this.best(turn.text)[0];
    const messages = messagesOf(top?.pair.answer ?? this.fallback, turn.sender);
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
      const taken = new Set(content.pairs.flatMap((pair) => pair.questions.map((question) => terms(question).join(' '))));
      const chitchat = options
        .chitchat(content)
        .map((pair) => ({ ...pair, questions: pair.questions.filter((question) => !taken.has(terms(question).join(' '))) }));
      const entries = [...content.pairs, ...chitchat].flatMap((pair) => pair.questions.map((question) => ({ question, pair })));
      const numbered = entries.map((entry, id) => ({ ...entry, id }));
      return new LiteBot(numbered, options.fallback(content), content.bot.threshold ?? defaultThreshold);
    },
  };
}
