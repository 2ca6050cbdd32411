/**
 * The way of a new model into use, where a bot's author has closed it: it rehearses the bot's tests and the newest real conversations beside
 * the model that answers now; then rules let it in, hold it for a person, or refuse it.
 */
import type { Engines, Json, Model, Store, StoredMessage } from '../../contracts.js';
import { changeDocument } from '../../documents.js';
import { HubError } from '../../errors.js';
import {
  type BotTests,
  type Change,
  changesOf,
  failuresOf,
  noTests,
  type Replayed,
  type Score,
  scoreOf,
  type TestFailure,
} from './judging.js';
import { type Heard, rehearse } from './rehearsal.js';

export interface GateSettings {
  /** False: every model goes live as soon as it is trained. */
  closed: boolean;
  /** How many of the newest conversations are replayed. */
  conversations: number;
  /** More changed answers than this share of the turns hold the model for a person; null: however many. */
  maxChangedPercent: number | null;
  /** A lower share of right answers to the questions of the tests refuses it, 0..1; null: whatever. */
  minScore: number | null;
  /** Goes back to the model before, when so many of the turns after the switch failed or were not understood; null: never. */
  rollBack: { errorPercent: number; turns: number; minutes: number } | null;
}
export type Verdict = 'promoted' | 'held' | 'refused';
export interface GateReport {
  modelId: string;
  /** The model that it was compared with; null: there was none. */
  against: string | null;
  at: string;
  verdict: Verdict;
  /** Why it was not let in. */
  reasons: string[];
  tests: { total: number; failed: TestFailure[] };
  score: Score | null;
  replay: { conversations: number; turns: number; changed: number; changes: Change[] };
  /** Why the bot went back from it by itself; null: it did not. */
  rolledBack: string | null;
}
/** With what people said, as far as it is there still. */
export type ShownReport = Omit<GateReport, 'replay'> & {
  replay: Omit<GateReport['replay'], 'changes'> & { changes: (Change & { text: string })[] };
};
type Test = BotTests['conversations'][number];
interface Tested {
  failed: TestFailure[];
  score: Score | null;
}
export interface Gate {
  settings(appId: string): Promise<GateSettings>;
  setSettings(appId: string, settings: GateSettings): Promise<void>;
  tests(appId: string): Promise<BotTests>;
  setTests(appId: string, tests: BotTests): Promise<void>;
  /** A test that says what the conversation says, under `name`. Rejects with `not_found`. */
  testOf(appId: string, conversation: string, name: string | undefined): Promise<Test>;
  /** Runs the tests on a model of the bot. Rejects as `Engines.apart` does. */
  run(appId: string, modelId: string, signal: AbortSignal): Promise<Tested>;
  /** Judges a model that was trained; null: the gate is open. Rejects as `Engines.apart` does. */
  judge(model: Model, against: string | null, signal: AbortSignal): Promise<GateReport | null>;
  /** What was said of a model; null when nothing is known any more. */
  report(appId: string, modelId: string): Promise<ShownReport | null>;
  noteRollBack(appId: string, modelId: string, why: string): Promise<void>;
  /** A person says no to a model that is held. Answers it. Rejects with `not_found`, and with `invalid` for one that is not held. */
  refuse(appId: string, modelId: string, by: string): Promise<Model>;
  /** Forgets what reports have of a conversation. */
  forget(appId: string, conversation: string): Promise<void>;
}
export interface GateOptions {
  store: Pick<Store, 'log' | 'documents' | 'models' | 'conversations'>;
  engines: Pick<Engines, 'apart'>;
  now?: () => number;
}

export const openGate: GateSettings = {
  ...{ closed: false, conversations: 30, maxChangedPercent: 20, minScore: null, rollBack: null },
};
const names = { settings: 'gate', tests: 'tests', reports: 'gate-reports' };
const mostReports = 5;
const mostChanges = 300;
const mostTurns = 30;
const mostSteps = 100;
const pageSize = 50;

export function createGate(options: GateOptions): Gate {
  return new RehearsedGate(options);
}

class RehearsedGate implements Gate {
  constructor(private readonly options: GateOptions) {}

  async settings(appId: string): Promise<GateSettings> {
    return { ...openGate, ...(await this.options.store.documents.get(appId, names.settings)) };
  }

  async setSettings(appId: string, settings: GateSettings): Promise<void> {
    await this.options.store.documents.put(appId, names.settings, { ...settings });
  }

  async tests(appId: string): Promise<BotTests> {
    return { ...noTests, ...(await this.options.store.documents.get(appId, names.tests)) };
  }

  async setTests(appId: string, tests: BotTests): Promise<void> {
    await this.options.store.documents.put(appId, names.tests, { ...tests });
  }

  async testOf(appId: string, conversation: string, name: string | undefined): Promise<Test> {
    const { items } = await this.options.store.conversations.messages(appId, conversation, { limit: mostSteps });
    const steps = items.filter(isTurn).map(({ text: user, payload, replies }) => ({
      user,
      ...(payload && { payload }),
      bot: replies.flatMap(({ text, image }) => text ?? image ?? []),
    }));
    if (steps.length === 0)
      throw new HubError('not_found', 'There is no such conversation, or the bot said nothing in it.');
    return { name: name ?? steps[0]?.user.slice(0, 100) ?? '', steps };
  }

  async run(appId: string, modelId: string, signal: AbortSignal): Promise<Tested> {
    const tests = await this.tests(appId);
    const model = await this.options.store.models.get(appId, modelId);
    if (!model) throw new HubError('not_found', `The bot has no model ${modelId}.`);
    return tested(tests, await this.rehearse(model, talksOf(tests), signal));
  }

  async judge(model: Model, against: string | null, signal: AbortSignal): Promise<GateReport | null> {
    const { appId } = model;
    const settings = await this.settings(appId);
    if (!settings.closed) return null;
    const tests = await this.tests(appId);
    const before = against === null ? null : await this.options.store.models.get(appId, against);
    const real = before ? await this.recorded(appId, settings.conversations) : [];
    const own = talksOf(tests);
    const heard = await this.rehearse(model, [...own, ...real], signal);
    const old = before ? await this.rehearse(before, real, signal) : [];
    const changes = changesOf(real, old, heard.slice(own.length));
    const turns = real.reduce((sum, talk) => sum + talk.length, 0);
    const found = tested(tests, heard);
    const facts = { ...found, changed: changes.length, turns };
    const report: GateReport = {
      ...{
        modelId: model.id,
        against: before?.id ?? null,
        at: new Date(this.options.now?.() ?? Date.now()).toISOString(),
      },
      ...verdictOf(settings, facts),
      tests: { total: tests.conversations.length, failed: found.failed },
      score: found.score,
      replay: { conversations: real.length, turns, changed: changes.length, changes: changes.slice(0, mostChanges) },
      rolledBack: null,
    };
    await this.rewrite(appId, (reports) => [report, ...reports.filter(({ modelId }) => modelId !== model.id)]);
    return report;
  }

  async report(appId: string, modelId: string): Promise<ShownReport | null> {
    const report = (await this.reports(appId)).find((one) => one.modelId === modelId);
    if (!report) return null;
    const changes: ShownReport['replay']['changes'] = [];
    const said = new Map<string, Map<number, string>>();
    for (const change of report.replay.changes) {
      const { conversation, number } = change;
      if (!said.has(conversation)) said.set(conversation, await this.textsOf(appId, conversation));
      const text = said.get(conversation)?.get(number);
      // What the log does not hold any more is shown nowhere.
      if (text !== undefined) changes.push({ ...change, text });
    }
    return { ...report, replay: { ...report.replay, changes } };
  }

  noteRollBack(appId: string, modelId: string, why: string): Promise<void> {
    return this.amend(appId, modelId, () => ({ rolledBack: why }));
  }

  async refuse(appId: string, modelId: string, by: string): Promise<Model> {
    const { models } = this.options.store;
    const model = await models.get(appId, modelId);
    if (!model) throw new HubError('not_found', `The bot has no model ${modelId}.`);
    if (model.about?.gate !== 'held')
      throw new HubError('invalid', 'Only a model that the gate holds can be refused; activate another one instead.');
    const noted = await models.note(appId, modelId, { ...model.about, gate: 'refused' });
    await this.amend(appId, modelId, ({ reasons }) => ({
      verdict: 'refused',
      reasons: [...reasons, `${by} refused it`],
    }));
    return noted ?? model;
  }

  forget(appId: string, conversation: string): Promise<void> {
    return this.rewrite(appId, (reports) =>
      reports.map((report) => {
        const changes = report.replay.changes.filter((change) => change.conversation !== conversation);
        return { ...report, replay: { ...report.replay, changes } };
      }),
    );
  }

  private async textsOf(appId: string, conversation: string): Promise<Map<number, string>> {
    const messages = await this.options.store.conversations.latest(appId, conversation, 200);
    return new Map(messages.map(({ number, text }) => [number, text]));
  }

  private rehearse(
    { appId, id: modelId, pipeline }: Model,
    talks: Parameters<typeof rehearse>[2]['talks'],
    signal: AbortSignal,
  ): Promise<Heard[][]> {
    return rehearse(this.options.engines, { appId, modelId, memoryless: pipeline !== 'project' }, { talks, signal });
  }

  /** The newest conversations of people with the bot. */
  private async recorded(appId: string, count: number): Promise<Replayed[][]> {
    const talks: Replayed[][] = [];
    let cursor: string | undefined;
    do {
      const page = await this.options.store.log.transcripts(appId, undefined, { limit: pageSize, cursor });
      for (const { conversation, messages } of page.items) {
        const turns = messages.filter(isTurn).slice(-mostTurns);
        const talk = turns.map(({ number, text, payload }) => ({ conversation, number, text, payload }));
        if (talk.length > 0 && talks.length < count) talks.push(talk);
      }
      cursor = page.next ?? undefined;
    } while (cursor !== undefined && talks.length < count);
    return talks;
  }

  private amend(appId: string, modelId: string, change: (report: GateReport) => Partial<GateReport>): Promise<void> {
    return this.rewrite(appId, (reports) =>
      reports.map((report) => (report.modelId === modelId ? { ...report, ...change(report) } : report)),
    );
  }

  private async reports(appId: string): Promise<GateReport[]> {
    return reportsIn(await this.options.store.documents.get(appId, names.reports));
  }

  /** Where there is nothing to change, nothing is written. */
  private rewrite(appId: string, change: (reports: GateReport[]) => GateReport[]): Promise<void> {
    return changeDocument(this.options.store.documents, { appId, name: names.reports }, (body) => {
      const reports = change(reportsIn(body)).slice(0, mostReports);
      return reports.length === 0 ? null : { reports };
    });
  }
}

const reportsIn = (body: Json | null): GateReport[] => (body as { reports?: GateReport[] } | null)?.reports ?? [];
/** Something that the bot itself answered. */
const isTurn = ({ state, turn }: StoredMessage): boolean => state === 'answered' && turn?.agent === undefined;

/** Conversations first, then each question as one of its own. */
const talksOf = ({ conversations, questions }: BotTests): { text: string; payload?: boolean }[][] => [
  ...conversations.map(({ steps }) => steps.map(({ user: text, payload = false }) => ({ text, payload }))),
  ...questions.map(({ text }) => [{ text }]),
];

function tested(tests: BotTests, heard: Heard[][]): Tested {
  const from = tests.conversations.length;
  return { failed: failuresOf(tests, heard), score: scoreOf(tests, heard.slice(from, from + tests.questions.length)) };
}

interface Facts extends Tested {
  changed: number;
  turns: number;
}
/** A model that breaks a promise is refused; one that only answers otherwise is for a person to look at. */
export function verdictOf(
  { maxChangedPercent, minScore }: Pick<GateSettings, 'maxChangedPercent' | 'minScore'>,
  { failed, score, changed, turns }: Facts,
): Pick<GateReport, 'verdict' | 'reasons'> {
  const share = score && score.right / score.asked;
  const percent = turns === 0 ? 0 : (100 * changed) / turns;
  const broken = [
    ...(failed.length > 0 ? [`${failed.length} steps of its tests fail`] : []),
    ...(share !== null && minScore !== null && share < minScore
      ? [
          `it answers ${Math.round(share * 100)} % of the questions right, at least ${Math.round(minScore * 100)} % are asked for`,
        ]
      : []),
  ];
  const many =
    maxChangedPercent !== null && percent > maxChangedPercent
      ? [`${changed} of ${turns} answers change (${Math.round(percent)} %), at most ${maxChangedPercent} % may`]
      : [];
  const verdict = broken.length > 0 ? 'refused' : many.length > 0 ? 'held' : 'promoted';
  return { verdict, reasons: [...broken, ...many] };
}
