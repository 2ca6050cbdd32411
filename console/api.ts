/** The calls of the console: the hub's public API, typed by wire.ts. Accounts and conversations have files of their own. */
import type { z } from 'zod';

import { type Client, type ClientOptions, createClient, type Page } from '../src/client';
import type {
  BotChange,
  BotMessageWire,
  BotCreate,
  BotWire,
  ChannelCheckView,
  ChannelView,
  DeadLetterView,
  FaqImportView,
  JobWire,
  LintView,
  LogLineWire,
  ModelWire,
  NodeView,
  PairWire,
  PoolView,
  StoredPair,
  TemplateView,
  TrainerView,
  TryView,
  VersionDiff,
} from '../src/wire';
import { accessCalls } from './api-access';
import { conversationCalls } from './api-conversations';
import { projectCalls } from './api-project';
import { qualityCalls } from './api-quality';
import { askingOf, botPath, itemsOrNone, segment } from './asking';

export { HubRefusal, HubUnreachable } from '../src/client';
export type { BotWire, JobWire, LogLineWire, ModelWire, PairWire };
export type ChannelWire = z.infer<typeof ChannelView>;
export type ChannelCheck = z.infer<typeof ChannelCheckView>;
export type DeadLetterWire = z.infer<typeof DeadLetterView>;
export type FaqImport = z.infer<typeof FaqImportView>;
export type Finding = z.infer<typeof LintView>['items'][number];
export type NodeWire = z.infer<typeof NodeView>;
export type StoredPairWire = z.infer<typeof StoredPair>;
export type TemplateWire = z.infer<typeof TemplateView>;
export type TrainerWire = z.infer<typeof TrainerView>;
export type VersionDiffWire = z.infer<typeof VersionDiff>;
export type NewBot = z.input<typeof BotCreate>;
export type ChangeBot = z.input<typeof BotChange>;
export type AnswerWire = PairWire['A'];

export interface MachineWire {
  hostname: string;
  platform: string;
  cores: number;
  load: number;
  memory: { total: number; free: number };
  disk: { total: number; free: number };
  gpus: { model: string; memory: number | null }[];
  pool: z.infer<typeof PoolView>;
  store: { kind: string; at: string | null };
  queue: { kind: string; at: string | null };
  /** Those that live on the same store; none where one has it alone. */
  hubs: HubWire[];
}
export interface HubWire {
  id: string;
  url: string | null;
  host: string;
  since: string;
}
/** The pairs with the version they are of. */
export interface Faq {
  pairs: StoredPairWire[];
  etag: string;
}
export interface Ranked {
  name: string;
  confidence: number;
}
/** What of Rasa's parse the console shows. */
export interface Understood {
  intent: string | null;
  confidence: number;
  ranking: Ranked[];
  entities: unknown[];
  /** Null: it was not measured by itself. */
  ms: number | null;
  engine: string | null;
}
/** What a version said to the last of several texts. */
export interface Tried {
  replies: BotMessageWire[];
  understood: Understood;
  ms: number;
}
type TryWire = z.infer<typeof TryView>;

const tablePath = (appId: string): string => `/bots/${segment(appId)}/faq/import`;

/** Each method rejects with `HubRefusal` or `HubUnreachable`. */
export function apiOf(shown: Pick<ClientOptions, 'key' | 'csrfToken'> = {}) {
  const client: Client = createClient({ url: window.location.origin, ...shown });
  const asking = askingOf(client);
  const { json, send } = asking;
  const bot = botPath;
  const channel = (appId: string, name: string): string => `${bot(appId)}/channels/${segment(name)}`;
  const model = (appId: string, id: string): string => `${bot(appId)}/models/${segment(id)}`;
  const items = async <T>(path: string): Promise<T[]> => (await json<Page<T>>('GET', path)).items;

  return {
    client,
    ...accessCalls(asking),
    ...conversationCalls(asking),
    ...projectCalls(asking),
    ...qualityCalls(asking),
    bots: (cursor: string | null) => json<Page<BotWire>>('GET', `/bots?limit=100${itemsOrNone(cursor)}`),
    bot: (appId: string) => client.bot(appId),
    createBot: (asked: NewBot) => client.createBot(asked),
    changeBot: (appId: string, change: ChangeBot) => client.changeBot(appId, change),
    deleteBot: (appId: string) => send('DELETE', bot(appId)),
    process: (appId: string, verb: 'wake' | 'park' | 'restart') => json<BotWire>('POST', `${bot(appId)}/${verb}`),
    templates: () => items<TemplateWire>('/templates'),
    machine: () => json<MachineWire>('GET', '/machine'),
    nodes: () => items<NodeWire>('/nodes'),
    trainers: () => items<TrainerWire>('/trainers'),
    queue: () => items<JobWire>('/jobs'),

    async faq(appId: string): Promise<Faq> {
      const response = await client.call('GET', `${bot(appId)}/faq/pairs`);
      const { items: pairs } = (await response.json()) as Page<StoredPairWire>;
      return { pairs, etag: response.headers.get('etag') ?? '' };
    },
    /** Answers the new version. Rejects with `version_conflict` when the stored one is another than `etag`. */
    async putFaq(appId: string, pairs: PairWire[], etag: string): Promise<string> {
      const body = pairs.map(({ Q, A, language }) => ({ Q, A, ...(language && { language }) }));
      const response = await client.call('PUT', `${bot(appId)}/faq`, { body, headers: { 'if-match': etag } });
      return response.headers.get('etag') ?? '';
    },
    /** Of any kind that the hub reads: it looks at the content, not at the type. */
    importTable: (appId: string, body: Uint8Array, { replace = false } = {}) =>
      json<FaqImport>('POST', `${tablePath(appId)}${replace ? '?replace=true' : ''}`, { body, type: 'text/csv' }),
    lint: (appId: string) => json<{ items: Finding[] }>('POST', `${bot(appId)}/faq/lint`),

    train: (appId: string) => client.train(appId),
    jobs: (appId: string) => items<JobWire>(`${bot(appId)}/jobs?limit=50`),
    watchJob: (jobId: string, signal: AbortSignal) => client.watchJob(jobId, signal),
    cancel: (jobId: string) => json<JobWire>('POST', `/jobs/${segment(jobId)}/cancel`),
    models: (appId: string) => items<ModelWire>(`${bot(appId)}/models?limit=50`),
    activate: (appId: string, id: string) => json<ModelWire>('POST', `${model(appId, id)}/activate`),
    rollBack: (appId: string) => json<ModelWire>('POST', `${bot(appId)}/rollback`),
    label: (appId: string, id: string, label: string | null) =>
      json<ModelWire>('PATCH', model(appId, id), { body: { label } }),
    deleteModel: (appId: string, id: string) => send('DELETE', model(appId, id)),
    diff: (appId: string, asked: { from: string; to: string; answers: boolean }) =>
      json<VersionDiffWire>(
        'GET',
        `${model(appId, asked.from)}/diff/${segment(asked.to)}${asked.answers ? '?answers=true' : ''}`,
      ),

    async parse(appId: string, body: { text: string; language?: string }): Promise<Understood> {
      const started = performance.now();
      const response = await client.call('POST', `${bot(appId)}/parse`, { body });
      const ms = Math.round(performance.now() - started);
      const parse = (await response.json()) as Record<string, unknown>;
      return { ...understoodOf(parse), ms, engine: response.headers.get('x-switchboard-engine') };
    },
    say: (appId: string, body: { sender: string; message: string; metadata?: Record<string, unknown> }) =>
      json<BotMessageWire[]>('POST', `${bot(appId)}/messages`, { body }),
    /** Of any version, which has heard nothing but `texts`. */
    async tryVersion(appId: string, id: string, body: { texts: string[]; language?: string }): Promise<Tried> {
      const { messages, parse, engine, ms } = await json<TryWire>('POST', `${model(appId, id)}/try`, { body });
      return { replies: messages, ms, understood: { ...understoodOf(parse), ms: null, engine } };
    },

    channels: (appId: string) => items<ChannelWire>(`${bot(appId)}/channels`),
    putChannel: (appId: string, name: string, settings: Record<string, unknown>) =>
      json<ChannelWire>('PUT', channel(appId, name), { body: settings }),
    deleteChannel: (appId: string, name: string) => send('DELETE', channel(appId, name)),
    checkChannel: (appId: string, name: string) => json<ChannelCheck>('POST', `${channel(appId, name)}/check`),

    deadLetters: (cursor: string | null) =>
      json<Page<DeadLetterWire>>('GET', `/dead-letters?limit=100${itemsOrNone(cursor)}`),
    replay: (id: string) => send('POST', `/dead-letters/${segment(id)}/replay`),
    discard: (id: string) => send('DELETE', `/dead-letters/${segment(id)}`),

    followLogs: (appId: string, signal: AbortSignal) => client.followLogs(appId, signal),
    /** What happens in the hub; of these bots also when their processes begin and end, and all that is said to one. */
    live: ({ appIds, talks }: { appIds: string[]; talks: string | null }, signal: AbortSignal) =>
      client.events(
        `/events?appId=${appIds.map(segment).join(',')}${talks === null ? '' : `&conversations=${segment(talks)}`}`,
        signal,
      ),
  };
}
export type Api = ReturnType<typeof apiOf>;

interface RasaParse {
  intent?: { name?: string | null; confidence?: number };
  intent_ranking?: Ranked[];
  entities?: unknown[];
  response_selector?: Record<string, { ranking?: { intent_response_key?: string; confidence?: number }[] } | string[]>;
}
/** A retrieval intent is known by the selector's ranking, which names its topics; others by Rasa's own. */
function understoodOf(parse: RasaParse): Pick<Understood, 'intent' | 'confidence' | 'ranking' | 'entities'> {
  const { intent, intent_ranking: ranking = [], entities = [], response_selector: selectors = {} } = parse;
  const topics = Object.values(selectors)
    .flatMap((selector) => (Array.isArray(selector) ? [] : (selector.ranking ?? [])))
    .map(({ intent_response_key: name = '', confidence = 0 }) => ({ name, confidence }))
    .filter(({ name }) => name !== '')
    .sort((one, other) => other.confidence - one.confidence);
  return {
    intent: intent?.name ?? null,
    confidence: intent?.confidence ?? 0,
    ranking: (topics.length > 0 ? topics : ranking).slice(0, 5),
    entities,
  };
}
