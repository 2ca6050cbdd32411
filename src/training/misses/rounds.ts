/** From an answer to its proof: answers of a few seconds are trained together, then the turns that missed them are asked again. */
import type { Json, TrainingJob } from '../../contracts.js';
import { changeDocument } from '../../documents.js';
import { hubErrorOf } from '../../errors.js';
import { folded } from '../content.js';
import type { Missed } from './missed.js';
import type { MissesOptions } from './misses.js';

/** What became of an answer. */
export interface Report {
  clusterId: string;
  pairId: string;
  /** `given`: it was not to be trained. `interrupted`: the hub stopped meanwhile; answer again to know. */
  state: 'given' | 'waiting' | 'training' | 'asking' | 'done' | 'failed' | 'interrupted';
  jobId: string | null;
  at: string;
  /** Turns that missed it, and how they are answered when they are asked again: by its pair, by another one, not at all. */
  turns: number;
  answered: number;
  elsewhere: number;
  unanswered: number;
  /** Why it failed. */
  error: string | null;
}
interface Given {
  clusterId: string;
  pairId: string;
  /** What a model calls the topic of the pair. */
  topic: string;
  turns: Missed[];
  train: boolean;
  by: string;
}
export interface Rounds {
  add(appId: string, given: Given): Promise<void>;
  /** Ids of messages that were answered when they were asked again. */
  handled(appId: string): Promise<ReadonlySet<string>>;
  /** Newest first. */
  reports(appId: string): Promise<Report[]>;
  stop(): void;
}

/** The document that keeps reports and the ids of messages; never a text. */
const documentName = 'misses';
/** `hub`: who is at it, of a store that several hubs share. */
type KeptReport = Report & { hub?: string };
interface Kept extends Json {
  reports: KeptReport[];
  handled: string[];
}
const none: Kept = { reports: [], handled: [] };
const mostReports = 100;
const mostHandled = 50_000;
const defaultGatherMs = 3000;
const open: readonly Report['state'][] = ['waiting', 'training', 'asking'];

/** Of one bot: what waits to be trained, and the last that was begun with its document. */
interface Lane {
  waiting: { given: Given; report: Report }[];
  timer: NodeJS.Timeout | undefined;
  /** Reports that this process is at. */
  running: Set<string>;
  last: Promise<unknown>;
}

/** `onProved`: called when turns were asked again, so that what is answered now is looked for no more. */
export function createRounds(options: MissesOptions, onProved: (appId: string) => void): Rounds {
  return new TrainedRounds(options, onProved);
}

class TrainedRounds implements Rounds {
  private readonly lanes = new Map<string, Lane>();
  private stopped = false;

  constructor(
    private readonly options: MissesOptions,
    private readonly onProved: (appId: string) => void,
  ) {}

  async add(appId: string, given: Given): Promise<void> {
    const lane = this.lane(appId);
    const { clusterId, pairId, turns, train } = given;
    const at = new Date(this.options.now?.() ?? Date.now()).toISOString();
    const counts = { turns: turns.length, answered: 0, elsewhere: 0, unanswered: 0 };
    const report: Report = { clusterId, pairId, state: 'given', jobId: null, at, ...counts, error: null };
    if (train) {
      report.state = 'waiting';
      lane.running.add(keyOf(report));
      lane.waiting.push({ given, report });
      clearTimeout(lane.timer);
      lane.timer = setTimeout(() => void this.round(appId, lane), this.options.gatherMs ?? defaultGatherMs);
    }
    await this.write(appId, report);
  }

  async handled(appId: string): Promise<ReadonlySet<string>> {
    return new Set((await this.read(appId)).handled);
  }

  async reports(appId: string): Promise<Report[]> {
    const lane = this.lane(appId);
    // Behind the writes, so that whoever reads of a proof finds its turns gone from the misses too.
    const { reports } = await inTurn(lane, () => this.read(appId));
    return reports.map(({ hub, ...report }) =>
      open.includes(report.state) && !this.isAtIt(lane, report, hub) ? { ...report, state: 'interrupted' } : report,
    );
  }

  stop(): void {
    this.stopped = true;
    for (const { timer } of this.lanes.values()) clearTimeout(timer);
  }

  /** Trains once for all that waits, and asks again. Never rejects. */
  private async round(appId: string, lane: Lane): Promise<void> {
    const mine = lane.waiting.splice(0);
    const by = mine[0]?.given.by;
    const tell = (change: Partial<Report>): Promise<unknown> =>
      Promise.all(mine.map(({ report }) => this.write(appId, Object.assign(report, change))));
    try {
      const job = await this.options.training.request(appId, by === undefined ? {} : { by });
      await tell({ state: 'training', jobId: job.id });
      const ended = await this.ended(appId, job);
      if (ended.state !== 'done') throw new Error(ended.error?.message ?? `the training was ${ended.state}`);
      if (await this.waits(appId, ended))
        throw new Error('the new model waits for a person: see its gate, and activate it');
      for (const { given, report } of mine) await this.askAgain(appId, given, report);
    } catch (error) {
      const { message } = hubErrorOf(error);
      const reason = error instanceof Error ? error.message : message;
      this.options.log.warn({ appId, err: error }, 'answers to misses were not proved');
      if (!this.stopped) await tell({ state: 'failed', error: reason }).catch(() => undefined);
    } finally {
      for (const { report } of mine) lane.running.delete(keyOf(report));
    }
  }

  /** The job as it ended; where another one took its place, that one. */
  private async ended(appId: string, job: TrainingJob): Promise<TrainingJob> {
    const { training } = this.options;
    let ended = await training.ended(job.id);
    while (ended.state === 'superseded') {
      const next = await training.current(appId);
      if (!next) return { ...ended, state: 'done' };
      ended = await training.ended(next.id);
    }
    return ended;
  }

  /** Is the model that was trained not the one that answers? */
  private async waits(appId: string, { modelId }: TrainingJob): Promise<boolean> {
    const bot = await this.options.store.bots.get(appId);
    return modelId !== null && bot?.activeModel !== modelId;
  }

  private async askAgain(appId: string, { turns, topic }: Given, report: Report): Promise<void> {
    await this.write(appId, Object.assign(report, { state: 'asking' }));
    const known = new Map<string, string | null>();
    const handled: string[] = [];
    for (const { text, messageId } of turns) {
      const key = folded(text);
      if (!known.has(key)) known.set(key, await this.topicOf(appId, text));
      const found = known.get(key) ?? null;
      if (found === topic) handled.push(messageId);
      report[found === topic ? 'answered' : found === null ? 'unanswered' : 'elsewhere'] += 1;
    }
    await this.write(appId, Object.assign(report, { state: 'done' }), handled);
  }

  /** The topic that answers this text now, by its name behind `faq/` or `faq_`; null: the bot does not know. */
  private async topicOf(appId: string, text: string): Promise<string | null> {
    const { intent } = await this.options.parse(appId, text);
    const name = intent.full_retrieval_intent_name ?? intent.name;
    return name === null || name === 'nlu_fallback' ? null : name.replace(/^faq[/_]/, '');
  }

  /** Is somebody at this report: this process, or the hub that wrote it? */
  private isAtIt({ running }: Lane, report: Report, hub: string | undefined): boolean {
    const { leases } = this.options.store;
    if (hub === undefined || hub === leases?.id) return running.has(keyOf(report));
    return leases?.hubs().some(({ id }) => id === hub) ?? false;
  }

  private async read(appId: string): Promise<Kept> {
    return { ...none, ...(await this.options.store.documents.get(appId, documentName)) };
  }

  /** Puts the report in the place of its older state. */
  private write(appId: string, report: Report, handled: string[] = []): Promise<void> {
    const { leases } = this.options.store;
    const fresh: KeptReport = { ...report, ...(leases && { hub: leases.id }) };
    return inTurn(this.lane(appId), async () => {
      await changeDocument(this.options.store.documents, { appId, name: documentName }, (body) => {
        const kept: Kept = { ...none, ...body };
        const reports = [fresh, ...kept.reports.filter((one) => keyOf(one) !== keyOf(fresh))];
        return {
          reports: reports.sort((one, other) => other.at.localeCompare(one.at)).slice(0, mostReports),
          handled: [...new Set([...kept.handled, ...handled])].slice(-mostHandled),
        };
      });
      if (handled.length > 0) this.onProved(appId);
    });
  }

  private lane(appId: string): Lane {
    const lane = this.lanes.get(appId) ?? {
      ...{ waiting: [], timer: undefined, running: new Set<string>(), last: Promise.resolve() },
    };
    this.lanes.set(appId, lane);
    return lane;
  }
}

/** Does it when all that was begun with the document before has ended. */
function inTurn<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
  const mine = lane.last.then(work);
  lane.last = mine.catch(() => undefined);
  return mine;
}

const keyOf = ({ clusterId, pairId, at }: Report): string => `${clusterId} ${pairId} ${at}`;
