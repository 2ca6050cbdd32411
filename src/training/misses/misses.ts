/**
 * What people asked in vain: read from the log, put together by what they meant, answered by a person, trained once for all answers, and asked
 * again to see what has become of it. Nothing is written while people talk; texts are kept in memory alone, so that who is erased is gone here too.
 */
import { createHash } from 'node:crypto';
import type { FaqPair, Parse, Store, Training } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Log } from '../../log.js';
import { folded, topicsOf } from '../content.js';
import { askThread } from '../thread.js';
import { nearestOf, type Vector, type Vectors } from '../vectors.js';
import { type Clustering, clustersOf } from './clusters.js';
import { type Missed, missedIn, type MissReason } from './missed.js';
import { createRounds, type Report } from './rounds.js';

export interface Cluster {
  clusterId: string;
  /** The text that is most like the others. */
  question: string;
  /** How many conversations, and how many turns. */
  people: number;
  turns: number;
  reasons: Partial<Record<MissReason, number>>;
  /** The most central first. */
  texts: { text: string; times: number }[];
  conversations: string[];
  firstAt: string;
  lastAt: string;
  /** The question of the present FAQ that is most like it; null while nobody knows, or there is none. */
  nearest: { pairId: string; question: string; similarity: number } | null;
}
export interface Found {
  clusters: Cluster[];
  /** What was looked at: turns in all, turns missed; `whole`: all there are since `from`. */
  looked: { from: string; turns: number; missed: number; whole: boolean };
}
export interface Misses {
  /** Those since `from` (ISO), a month when absent, the most frequent first. What was found within the last seconds is answered again. */
  find(appId: string, from?: string): Promise<Found>;
  /** One of those that were found last. Rejects with `not_found`. */
  cluster(appId: string, clusterId: string): Promise<Cluster>;
  /** A pair answers them now: soon it is trained, together with others answered meanwhile (not at all without `train`), and their turns are asked again. */
  answered(appId: string, by: { clusterId: string; pairId: string; train: boolean; by: string }): Promise<void>;
  /** What became of answers, the newest first. */
  reports(appId: string): Promise<Report[]>;
  /** Forgets what was found: somebody was erased. */
  forget(appId: string): void;
  stop(): void;
}
export interface MissesOptions {
  store: Pick<Store, 'bots' | 'log' | 'faq' | 'documents' | 'leases'>;
  vectors: Vectors;
  training: Pick<Training, 'request' | 'ended' | 'current'>;
  parse: (appId: string, text: string) => Promise<Parse>;
  log: Log;
  /** How long answers wait for others before they are trained. */
  gatherMs?: number;
  now?: () => number;
}

const dayMs = 86_400_000;
const sinceDays = 30;
const freshMs = 10_000;
const mostBots = 20;
const pageSize = 100;
const mostTurns = 20_000;
/** Different texts that are compared with each other: the newest. */
const mostTexts = 1500;
/** So few texts are compared sooner than a thread starts. */
const fewTexts = 60;
const mostShown = 50;
/** Questions of the FAQ for which a caller waits; more are encoded behind the scenes. */
const mostWaited = 400;
const besideMost = 60;
const threadLimits = { timeoutMs: 60_000, tooLong: 'Putting the misses together takes too long: ask for fewer days.' };

interface Kept {
  at: number;
  from: string | undefined;
  found: Promise<Found>;
  /** The turns of each cluster. */
  turns: Map<string, Missed[]>;
}

export function createMisses(options: MissesOptions): Misses {
  const { store, log, now = Date.now } = options;
  const kept = new Map<string, Kept>();
  const rounds = createRounds(options, (appId) => void kept.delete(appId));
  const look = (appId: string, from: string | undefined): Kept => {
    const turns = new Map<string, Missed[]>();
    const since = from ?? new Date(now() - sinceDays * dayMs).toISOString();
    const found = findIn(options, { appId, from: since, turns, handled: () => rounds.handled(appId) });
    const one = { at: now(), from, found, turns };
    kept.delete(appId);
    kept.set(appId, one);
    const [oldest] = kept.keys();
    if (kept.size > mostBots && oldest !== undefined) kept.delete(oldest);
    found.catch(() => kept.get(appId) === one && kept.delete(appId));
    return one;
  };
  const lastOf = (appId: string): Kept => kept.get(appId) ?? look(appId, undefined);
  const missing = (): HubError =>
    new HubError('not_found', 'There is no such cluster of misses (any more): take its id from the list of misses.');
  return {
    async find(appId, from) {
      const last = kept.get(appId);
      const fresh = last && last.from === from && now() - last.at < freshMs;
      return (fresh ? last : look(appId, from)).found;
    },
    async cluster(appId, clusterId) {
      const { clusters } = await lastOf(appId).found;
      const cluster = clusters.find((one) => one.clusterId === clusterId);
      if (!cluster) throw missing();
      return cluster;
    },
    async answered(appId, { clusterId, pairId, train, by }) {
      const last = lastOf(appId);
      await last.found;
      const turns = last.turns.get(clusterId);
      if (!turns) throw missing();
      const pair = (await store.faq.get(appId)).pairs.find(({ id }) => id === pairId);
      const topic = pair && topicIdOf(pair);
      if (topic) await rounds.add(appId, { clusterId, pairId, topic, turns, train, by });
      else log.warn({ appId, pairId }, 'the pair that answers misses is gone');
    },
    reports: (appId) => rounds.reports(appId),
    forget: (appId) => void kept.delete(appId),
    stop: () => rounds.stop(),
  };
}

/** What a model calls the topic of this pair; undefined for one that cannot be trained. */
function topicIdOf(pair: FaqPair): string | undefined {
  try {
    return topicsOf([pair]).topics[0]?.id;
  } catch {
    return undefined;
  }
}

interface Search {
  appId: string;
  from: string;
  /** Filled with the turns of each cluster. */
  turns: Map<string, Missed[]>;
  /** Ids of messages that were asked again and answered. */
  handled: () => Promise<ReadonlySet<string>>;
}

async function findIn(options: MissesOptions, search: Search): Promise<Found> {
  const { store, vectors } = options;
  const { appId, from } = search;
  const { missed, turns, whole } = await walk(store, search);
  const byText = new Map<string, Missed[]>();
  for (const one of missed) byText.set(folded(one.text), [...(byText.get(folded(one.text)) ?? []), one]);
  const groups = [...byText.values()].slice(0, mostTexts);
  const texts = groups.map(([first]) => first?.text ?? '');
  const questions = (await store.faq.get(appId)).pairs.flatMap(({ id, questions: asked }) =>
    asked.map((question) => ({ pairId: id, question })),
  );
  const found = await vectors.of(texts);
  const present = found && (await presentVectors(vectors, questions));
  const step = Math.max(1, Math.floor((present?.length ?? 0) / besideMost));
  const beside = (present ?? []).filter((_, at) => at % step === 0).map(({ vector }) => vector);
  const clusters = (await grouped({ texts, times: groups.map((group) => group.length), vectors: found, beside })).map(
    (places): Cluster => {
      const vector = found?.[places[0] ?? 0];
      const cluster = clusterOf(
        places.map((place) => groups[place] ?? []),
        vector && present ? nearestIn(vector, present) : null,
      );
      search.turns.set(
        cluster.clusterId,
        places.flatMap((place) => groups[place] ?? []),
      );
      return cluster;
    },
  );
  clusters.sort((one, other) => other.people - one.people || other.turns - one.turns);
  const all = whole && byText.size <= mostTexts;
  return { clusters, looked: { from, turns, missed: missed.length, whole: all } };
}

/** Reads the log, the newest conversations first. */
async function walk(
  { log }: MissesOptions['store'],
  { appId, from, handled }: Search,
): Promise<{ missed: Missed[]; turns: number; whole: boolean }> {
  const missed: Missed[] = [];
  const done = await handled();
  let turns = 0;
  let cursor: string | undefined;
  do {
    const page = await log.transcripts(appId, from, { limit: pageSize, cursor });
    for (const transcript of page.items) {
      turns += transcript.messages.length;
      missed.push(...missedIn(transcript).filter(({ messageId }) => !done.has(messageId)));
    }
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && turns < mostTurns);
  return { missed, turns, whole: cursor === undefined };
}

async function grouped(clustering: Clustering): Promise<number[][]> {
  if (clustering.texts.length <= fewTexts) return clustersOf(clustering);
  return (await askThread(new URL('./clusters-entry.js', import.meta.url), clustering, threadLimits)) as number[][];
}

type Present = { pairId: string; question: string; vector: Vector };

/** The questions of the FAQ whose vectors are there; those of a large FAQ come later. */
async function presentVectors(vectors: Vectors, questions: Omit<Present, 'vector'>[]): Promise<Present[]> {
  const texts = questions.map(({ question }) => question);
  const missing = texts.filter((text) => !vectors.known(text)).length;
  const coming = vectors.of(texts, { gently: missing > mostWaited });
  if (missing <= mostWaited) await coming;
  else coming.catch(() => undefined);
  return questions.flatMap((one) => {
    const vector = vectors.known(one.question);
    return vector ? [{ ...one, vector }] : [];
  });
}

function nearestIn(vector: Vector, present: Present[]): Cluster['nearest'] {
  const best = nearestOf(
    vector,
    present.map((one) => one.vector),
  );
  const found = best && present[best.at];
  if (!best || !found) return null;
  return { pairId: found.pairId, question: found.question, similarity: Math.round(best.similarity * 1000) / 1000 };
}

/** `groups`: the turns of each text, the most central text first. */
function clusterOf(groups: Missed[][], nearest: Cluster['nearest']): Cluster {
  const turns = groups.flat();
  const question = turns[0]?.text ?? '';
  const conversations = [...new Set(turns.map(({ conversation }) => conversation))];
  const times = turns.map(({ at }) => at).sort();
  const reasons: Cluster['reasons'] = {};
  for (const { reason } of turns) reasons[reason] = (reasons[reason] ?? 0) + 1;
  return {
    clusterId: createHash('sha256').update(folded(question)).digest('hex').slice(0, 12),
    question,
    people: conversations.length,
    turns: turns.length,
    reasons,
    texts: groups.slice(0, mostShown).map((group) => ({ text: group[0]?.text ?? '', times: group.length })),
    conversations: conversations.slice(0, mostShown),
    firstAt: times[0] ?? '',
    lastAt: times.at(-1) ?? '',
    nearest,
  };
}
