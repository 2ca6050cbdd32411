/**
 * READ FIRST. The nouns of Switchboard and the ports between its parts: types only, nothing runs here.
 *
 * message   connector -> Hub.receive -> Store.conversations -> mailbox -> Engines.use -> RunningEngine.reply -> Connection.send
 * training  http -> Training.request -> TrainingQueue -> Trainer -> ModelShelf -> Engines.swap
 *
 * A method that may do I/O answers a promise. A rejection is a HubError (errors.ts) unless the method says otherwise.
 */

/** A JSON object from outside: checked by a schema in wire.ts before anything reads into it. */
export type Json = Record<string, unknown>;

// ------------------------------------------------------------------ nouns

export type EngineName = 'rasa' | 'lite' | 'remote';
/** How an FAQ bot understands: a shared sentence encoder with a linear layer, Rasa's DIET + ResponseSelector, or its own config.yml. */
export type Pipeline = 'semantic' | 'classic' | 'project';
export type BotState = 'asleep' | 'waking' | 'awake' | 'draining' | 'quarantined';

/** A bot: the unit that is trained, talked to and given channels. Its APP_ID is the name of its process and of its routes. */
export interface Bot {
  readonly appId: string;
  name: string;
  /** BCP 47, e.g. `en`, `zh`. Chooses tokenizer, chit-chat and the sentence that admits not knowing. */
  language: string;
  template: string;
  pipeline: Pipeline;
  engine: EngineName;
  /** Base URL of a server that speaks Rasa's REST channel; set when and only when `engine` is `remote`. */
  remoteUrl: string | null;
  /** With which `Authorization` header that server is called, sealed; absent or null: without. */
  remoteAuth?: string | null;
  /** Fallback threshold 0..1 chosen by the author; null: measured at each training. */
  threshold: number | null;
  activeModel: string | null;
  /** The named Rasa installation that trains and runs it (setting RASA_RUNTIMES); null: the default one. */
  runtime: string | null;
  /** What becomes of an answer that comes after the user was told that it takes longer: sent all the same, or only logged. */
  lateAnswers: 'send' | 'drop';
  /** Processes that it is to have at least, however idle, and may have at most, when its turns queue up. */
  instances: { min: number; max: number };
  /** What its author chose instead of what the hub would; absent: nothing. */
  options?: BotOptions;
  readonly createdAt: string;
  updatedAt: string;
}
/** A component or a policy of Rasa with its settings. */
export type Component = Json & { name: string };
/** Choices of a bot's author. */
export interface BotOptions {
  /** Rasa components in place of those of the bot's pipeline, as config.yml has them. */
  pipeline?: Component[] | undefined;
  /** Rasa policies in place of the bot's. */
  policies?: Component[] | undefined;
  /** What the bot says when it does not know. */
  fallback?: string | undefined;
}

/** One reply, in the shape of Rasa's REST channel; absent keys are omitted. */
export interface BotMessage {
  recipient_id: string;
  text?: string;
  image?: string;
  buttons?: { title: string; payload: string }[];
  attachment?: unknown;
  custom?: unknown;
  /** Added by the hub: which engine answered, so that nobody mistakes the lite engine for Rasa; or which person did, when, and under which key. */
  metadata?: { engine?: EngineName; agent?: string; at?: string; key?: string };
}

/** One part of an answer as its author wrote it. */
export interface AnswerPart {
  text?: string | undefined;
  image?: string | undefined;
  buttons?: { title: string; payload: string }[] | undefined;
}
/** A topic: the ways people ask, and the answer, kept byte for byte. A list of parts is sent in order. */
export interface FaqPair {
  id: string;
  questions: string[];
  answer: string | AnswerPart | AnswerPart[];
  /** What it is asked and answered in; absent: the bot's own language. */
  language?: string;
}
/** A bot's FAQ and its version, which is its ETag: it changes with every write. */
export interface Faq {
  version: number;
  pairs: FaqPair[];
}

/** Rasa's parse object (RASA 3.6, `POST /model/parse`); `intent.name` is `nlu_fallback` when the bot admits not knowing. */
export interface Parse extends Json {
  text: string;
  intent: { name: string | null; confidence: number; full_retrieval_intent_name?: string | null };
  entities: unknown[];
}

export type JobState = 'queued' | 'running' | 'evaluating' | 'done' | 'failed' | 'cancelled' | 'superseded';
/** One training of one bot from one snapshot of its content. */
export interface TrainingJob {
  readonly id: string;
  readonly appId: string;
  /** sha256 of the content snapshot (`TrainingContent` as JSON) on the shelf. */
  readonly content: string;
  state: JobState;
  percent: number;
  /** What is happening now, in words. */
  stage: string;
  /** Seconds still needed by the present pace; null while unknown. */
  eta: number | null;
  error: JobError | null;
  modelId: string | null;
  /** Times a trainer took it: a job whose trainer was lost is taken again, a few times. */
  attempts: number;
  /** Rises each time it is taken. Who holds an older number is too late: another trainer has the job. */
  fence: number;
  /** Which trainer has it or had it last, and on what it computes, in words; null until it is taken. */
  trainer: string | null;
  device: string | null;
  /** Who asked for it; absent where nobody said. */
  readonly by?: string;
  readonly createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
}
export interface JobError {
  code: string;
  /** One sentence a bot author understands, with the remedy. */
  message: string;
  /** Rasa's own words, when it had any. */
  detail?: string | undefined;
}
/** What a model is trained from: everything the trainer needs, nothing it must look up. */
export interface TrainingContent {
  bot: Pick<Bot, 'appId' | 'name' | 'language' | 'template' | 'pipeline' | 'threshold' | 'options'> & {
    runtime?: string | null;
  };
  pairs: FaqPair[];
  /** The bot's own project files, used as they are when `pipeline` is `project`. */
  files: ProjectFile[];
  /** One Rasa YAML text sent with the training request, laid over the files. */
  yaml: string | null;
  /** The model is only kept: see `TrainingRequest.apart`. */
  apart?: true;
}
export interface ProjectFile {
  /** Relative, `/`-separated, normalised: never absolute, never with `..`. */
  path: string;
  content: string;
}
/** What Rasa's validator says of a project. `error`: it would not be trained; `warning`: it would, and may not do what its author meant. */
export interface ProjectFinding {
  severity: 'error' | 'warning';
  /** The file and the line, from 1, that it is about; null where that is not known, or is the project as a whole. */
  path: string | null;
  line: number | null;
  /** In Rasa's words. */
  message: string;
}

/** A version of a bot. `archive` is null for the lite engine, which answers from the content snapshot. */
export interface Model {
  readonly id: string;
  readonly appId: string;
  readonly jobId: string;
  readonly engine: EngineName;
  readonly pipeline: Pipeline;
  readonly archive: string | null;
  readonly content: string;
  readonly bytes: number;
  readonly trainSeconds: number;
  readonly createdAt: string;
  /** What is known of it beside; absent for models of older releases. */
  about?: ModelFacts;
}
export interface ModelFacts {
  /** Who asked for it. */
  by: string | null;
  /** Version of the Rasa that trained it. */
  rasa: string | null;
  /** What its author calls it; such a model is kept however many follow. */
  label: string | null;
  /** The newest test of it, as POST evaluate answered. */
  scores: Json | null;
  /** What the bot's gate said of it; absent: it was not asked. */
  gate?: 'promoted' | 'held' | 'refused';
}
/** A model whose files are on this machine's disk. */
export interface LoadableModel extends Model {
  archivePath: string | null;
  contentPath: string;
}

/** A message as a connector hands it over. Only the connector that made `conversation` and `to` reads meaning into them. */
export interface IncomingMessage {
  appId: string;
  channel: string;
  conversation: string;
  /** The platform's own id of this event: the same id is the same message. */
  eventId: string;
  text: string;
  /** True when `text` is the payload of a button the bot offered: then a leading `/` is an intent. */
  payload: boolean;
  to: string;
  /** For the bot. Over REST `switchboard_channel` is the channel by which the bot is to think that it came. */
  metadata: Json;
  /** The header `traceparent` that it came with, unchecked; absent: none. */
  trace?: string | undefined;
}
/** `received`: stored, not answered yet. `answered`: replies stored. `failed`: given up, `error` says why. */
export type MessageState = 'received' | 'answered' | 'failed';
export interface StoredMessage extends Omit<IncomingMessage, 'trace'> {
  readonly id: string;
  /** Place in its conversation: ascending, gaps are legal. */
  readonly number: number;
  state: MessageState;
  error: string | null;
  /** All that was said to it, in order: an apology for slowness first, where there was one. */
  replies: BotMessage[];
  /** What the bot understood; null until answered, and for engines that do not say. */
  intent: string | null;
  confidence: number | null;
  /** True once every reply has left. */
  delivered: boolean;
  /** A reply may have reached the user twice: its first sending was cut off by a crash, or its receipt was lost. */
  maybeTwice: boolean;
  /** Milliseconds from receipt to answer. */
  ms: number | null;
  /** How it was answered; absent until then, and where nothing is known of it. */
  turn?: TurnFacts;
  readonly receivedAt: string;
}
/** What is known of a turn beside what was said; what is empty is left out. */
export interface TurnFacts {
  entities?: unknown[];
  /** Slots that it changed. */
  slots?: Json;
  /** Actions that ran, in order. */
  actions?: string[];
  /** Id of the model that answered. */
  model?: string;
  /** The language of the conversation, where the bot has several. */
  language?: string;
  /** Address of the node that answered; absent: the hub itself. */
  node?: string;
  /** Who held the conversation, so that the bot was not asked; empty while nobody had come yet. */
  agent?: string;
  /** Id of the trace (W3C) that it belongs to; absent where the bot was not asked. */
  trace?: string;
}
/** One reply on its way out. It exists until it has left or was given up; the log of what was said is the message's `replies`. */
export interface OutboxEntry {
  readonly id: string;
  readonly messageId: string;
  readonly appId: string;
  readonly channel: string;
  readonly conversation: string;
  readonly to: string;
  /** Place of the reply among the message's replies. */
  readonly part: number;
  readonly reply: BotMessage;
  /** Sendings that failed so far. */
  attempts: number;
  /** The platform may have it already. */
  maybeSent: boolean;
  /** Why the last sending failed. */
  error: string | null;
  /** Not to be sent before this time (milliseconds since 1970), and what waits for it: the conversation, or the bot's whole channel. */
  hold: { until: number; scope: SendScope } | null;
}
/** What was given up: a turn (the bot failed on the message) or a reply (the platform would not take it). An operator can replay it. */
export interface DeadLetter {
  readonly id: string;
  readonly kind: 'turn' | 'reply';
  readonly appId: string;
  readonly channel: string;
  readonly conversation: string;
  readonly messageId: string;
  /** What the user wrote. */
  readonly text: string;
  /** The reply that did not get out; null for a turn. */
  readonly reply: BotMessage | null;
  /** Place of the reply among the message's replies; null for a turn. */
  readonly part: number | null;
  /** `code: words`, or what the platform said. */
  readonly error: string;
  readonly attempts: number;
  /** The platform may have the reply all the same. */
  readonly maybeSent: boolean;
  readonly at: string;
}
/** One conversation of one bot, as a list shows it. */
export interface Conversation {
  id: string;
  channel: string;
  messages: number;
  firstAt: string;
  lastAt: string;
}

/** Who speaks in a conversation: the bot; nobody, since the person waits for a colleague; a colleague. */
export type CareState = 'bot' | 'waiting' | 'held';
export type ReviewState = 'unread' | 'reviewed' | 'saved_for_later';
/** What people do about a conversation. One that nobody touched has `untouched`. */
export interface Care {
  state: CareState;
  /** Since when it waits or is held. */
  since: string | null;
  /** When the bot takes it back by itself. */
  returnAt: string | null;
  /** Who holds it. */
  agent: string | null;
  /** Who is to look after it. */
  assignee: string | null;
  review: ReviewState;
  tags: string[];
  /** What colleagues tell each other, oldest first; the person never sees it. */
  notes: { at: string; by: string; text: string }[];
}
/** `note` is added to those that are there; the oldest of very many go. */
export type CareChange = Partial<Omit<Care, 'notes'>> & { note?: Care['notes'][number] };
/** A conversation with its care. */
export interface LoggedConversation extends Conversation {
  care: Care;
}
/** What is counted of a message: all but what was said. */
export type TurnRecord = Pick<
  StoredMessage,
  'id' | 'appId' | 'channel' | 'conversation' | 'state' | 'intent' | 'ms' | 'receivedAt'
> & {
  /** The model that answered; null where nobody knows. */
  model: string | null;
  /** Null: the bot itself answered; else who held the conversation, empty while nobody had come. */
  agent: string | null;
  /** The bot called for a person. */
  calls: boolean;
};
/** A conversation as it was said. */
export interface Transcript {
  conversation: string;
  channel: string;
  messages: StoredMessage[];
}
/** Which conversations; all that is named must fit. The last three lines must fit one and the same message of it. */
export interface LogFilter {
  channel?: string | undefined;
  /** ISO; bounds of the last activity, both included. */
  from?: string | undefined;
  to?: string | undefined;
  review?: ReviewState | undefined;
  tag?: string | undefined;
  waiting?: boolean | undefined;
  /** Held by this person. */
  agent?: string | undefined;
  /** An intent, or a retrieval intent for all of its own. */
  intent?: string | undefined;
  minConfidence?: number | undefined;
  maxConfidence?: number | undefined;
  /** A part of what the person wrote or was answered; capital letters of the Latin alphabet count as small ones. */
  text?: string | undefined;
}
/** A line of the request log: a message, or a text that was only to be understood. */
export interface LoggedRequest {
  kind: 'message' | 'parse';
  appId: string;
  channel: string;
  /** Null for a parse. */
  conversation: string | null;
  /** Address of the node that answered; null: the hub itself. */
  node: string | null;
  status: MessageState;
  ms: number | null;
  at: string;
  /** Id of its trace; null for a parse, and while it is not answered. */
  trace: string | null;
}
export type ParseRecord = Pick<LoggedRequest, 'appId' | 'channel' | 'node' | 'status' | 'ms' | 'at'>;
export interface RequestFilter {
  appId?: string | undefined;
  channel?: string | undefined;
  node?: string | undefined;
  status?: MessageState | undefined;
  trace?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

// ------------------------------------------------------------------ engines

/** One user message on its way into an engine. */
export interface Turn {
  sender: string;
  text: string;
  payload: boolean;
  channel: string;
  metadata: Json;
  /** The `traceparent` for whatever is asked because of it. */
  trace?: string;
}
export interface TurnResult {
  messages: BotMessage[];
  parse: Parse | null;
  /** Names of the actions that ran, in order; absent for an engine that does not say. */
  actions?: string[];
  /** Slots that changed, with their new values. */
  slots?: Json;
  /** The model that answered. */
  model?: string;
  /** In which of its languages, where the bot has several. */
  language?: string;
}
/** A request of Rasa's own HTTP API, to be passed on as it came. */
export interface ApiRequest {
  method: string;
  /** Path and query, percent-encoded as the caller wrote them. */
  path: string;
  headers: Record<string, string>;
  body: Buffer;
  /** How long it may work without a sign of life; absent: as long as a turn, and the process is ended when it stands still meanwhile. */
  limitMs?: number;
}
export interface ApiResponse {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}
export interface Exit {
  code: number | null;
  signal: string | null;
}
/** What answers a bot's turns. One object per kind; built once by app.ts. */
export interface Engine {
  readonly name: EngineName;
  /** Does it need a trained model before `launch`? */
  readonly needsModel: boolean;
  /** Called by the pool when a bot wakes. May take seconds. Resolves only when the bot answered a canary; a failed launch leaves nothing behind. */
  launch(bot: Bot, model: LoadableModel | null, how?: LaunchOptions): Promise<RunningEngine>;
  /** Bytes of memory that it holds for all its bots together (a preloaded parent); absent: none. Never rejects. */
  memory?(): Promise<number>;
}
export interface LaunchOptions {
  /** Nothing that it says or does counts: its conversations are kept in memory, and its own actions do nothing. */
  rehearsal?: boolean;
}
/** One awake bot. */
export interface RunningEngine {
  readonly engine: EngineName;
  /** OS process, where there is one. */
  readonly pid: number | null;
  /** Address of the node that it runs on; absent: this machine. */
  readonly node?: string;
  /**
   * One turn. The pool calls it; turns of one sender never overlap. Rejects with `turn_failed` when the bot broke (it may be asked again
   * once `tracker` shows that the turn did not happen), with `node_lost` when its node did (likewise, on another), with `turn_timeout` when nobody knows whether the turn will still happen. An
   * empty list is a real answer: an engine whose server says `[]` for a failure looks closer first.
   */
  reply(turn: Turn): Promise<TurnResult>;
  /** The conversation's events as the bot keeps them, oldest first; null where it keeps none or they can't be read. */
  tracker?(sender: string): Promise<Json[] | null>;
  /** Understand without answering; `language`: by the model for that, where the bot has one. */
  parse(text: string, language?: string): Promise<Parse>;
  /** Rasa's HTTP API, for whoever speaks that; whatever status it answers. Rejects as `reply` does. Absent for an engine that is not Rasa. */
  api?(request: ApiRequest): Promise<ApiResponse>;
  /** Bytes of memory that are this bot's alone (its process's private pages); absent where it has no process of ours, null when they can't be read. Never rejects. */
  memory?(): Promise<number | null>;
  /** Ends it: TERM, a deadline (`graceMs`, or the engine's own), KILL. Never rejects; may be called twice. */
  stop(graceMs?: number): Promise<void>;
  /** Resolves when it is gone, however it went. */
  readonly exited: Promise<Exit>;
  /** The newest lines the bot's process wrote, oldest first. */
  log(): string[];
}
export interface BotStatus {
  state: BotState;
  /** Null while asleep. */
  engineInUse: EngineName | null;
  /** Its processes, oldest first. */
  pids: number[];
  /** Bytes that are its own, by the last look at them; null while it has no process. */
  memory: number | null;
  /** In words: why it is quarantined, or what its wake waits for. */
  reason: string | null;
}
/** A line of a bot's log: what its process wrote (`at` is null: its lines carry their own time), or what the hub did with it. */
export interface LogLine {
  /** Ascending, from 1 at the start of the hub. */
  number: number;
  source: 'bot' | 'hub';
  pid: number | null;
  at: string | null;
  line: string;
}
/** Sizes in bytes. */
export interface PoolUsage {
  /** What awake bots may use, and use: their own, and what the engines hold for all of them (`shared`). */
  budget: number;
  used: number;
  shared: number;
  states: Record<BotState, number>;
  /** Launches that wait, and why the first of them does. */
  waiting: number;
  waitsFor: string | null;
}
export interface UseOptions {
  /** `work` may be done again when the node that it began on is lost. */
  repeatable?: boolean;
}
/** The pool of awake bots: the hub's only way to an engine. */
export interface Engines {
  /** Wakes the bot if needed, however long that has to wait for memory, and lends the freest of its processes for `work`; none is stopped while lent. Rejects with `no_model`, `bot_quarantined` or `wake_failed`. */
  use<T>(appId: string, work: (running: RunningEngine) => Promise<T>, how?: UseOptions): Promise<T>;
  /** Launches a process of its own for `work`, with the given model or the active one, and ends it afterwards: for what would keep the bot from answering. Rejects as `use` does, with `not_found` for a model that the bot has not. */
  apart<T>(
    appId: string,
    modelId: string | null,
    work: (running: RunningEngine) => Promise<T>,
    how?: LaunchOptions,
  ): Promise<T>;
  /** Launches `model`, then switches to it and drains the old one; one that the bot runs already is not launched again. Rejects, changing nothing, when the new one does not come up. `live` runs at the switch. */
  swap(appId: string, model: Model, live: () => Promise<void>): Promise<void>;
  /** Puts the bot to sleep after its running turns; wakes it again on the next message. */
  park(appId: string): Promise<void>;
  /** Ends the quarantine, if any, and starts the process anew. */
  restart(appId: string): Promise<void>;
  /** Called at the start, when a bot is made and when its `instances` change: those that are to be awake are woken. */
  register(appId: string, instances: Bot['instances']): void;
  /** Called when a bot is deleted: ends its processes and drops what is known of it. */
  forget(appId: string): Promise<void>;
  status(appId: string): BotStatus;
  usage(): PoolUsage;
  /** The newest lines, oldest first. */
  log(appId: string): LogLine[];
  /** Calls `listener` with each new line; answers what ends that. */
  follow(appId: string, listener: (line: LogLine) => void): () => void;
  stop(): Promise<void>;
}

// ------------------------------------------------------------------ channels

/** A platform. `settings` of one bot's channel open one Connection. */
export interface Connector {
  readonly name: string;
  /** What the platform takes at most; the hub paces its sendings by it. Absent: no limit. */
  readonly limits?: SendLimits;
  /** What a bot's author sets; absent: nothing, and the channel of every bot is open. */
  readonly settings?: ChannelSettings;
  /** Can anything be sent to this address? Absent: to every one. Not to somebody who held the line and has hung up: that is only logged. */
  reaches?(to: string): boolean;
  /** Called once by app.ts before the hub listens, for platforms that need the HTTP server itself (socket.io). */
  attach?(server: import('node:http').Server): void;
  /** Opens a bot's channel, with settings that `settings` has checked and does not call off. Must not wait for the platform. */
  open(context: ConnectionContext): Connection;
  close(): Promise<void>;
}
/** What the author of a bot sets for one channel, and when that is enough to open it. */
export interface ChannelSettings {
  /** Checks what was given; unknown keys are faults. Secrets are optional in it: without one the channel is off, the request is not wrong. */
  readonly schema: import('zod').ZodType<Json>;
  /** Keys that are kept encrypted and never shown. */
  readonly secrets: readonly string[];
  /** Keys that say where the secrets are sent: who changes one gives the secrets anew, so that nobody leads stored ones elsewhere. */
  readonly destinations: readonly string[];
  /** What holds while nobody set anything; null: the channel is off. */
  readonly initial: Json | null;
  /** Why a channel with these settings stays off, and what to do; null when it may open. */
  off(settings: Json): string | null;
}
/** What the platform says of a bot's channel: in one sentence what is right or wrong, and what to do. */
export interface ChannelCheck {
  ok: boolean;
  detail: string;
}
export interface ConnectionContext {
  bot: Pick<Bot, 'appId' | 'name' | 'language'>;
  /** The bot's settings of this channel, as `ChannelSettings.schema` answered them; empty where there are none. */
  settings: Json;
  /** Where platforms reach the hub (PUBLIC_URL); null when nobody said. */
  publicUrl: string | null;
  /** The newest messages of a conversation, oldest first. */
  history(conversation: string): Promise<StoredMessage[]>;
  /** Notes trouble with the platform, in words for the bot's author: the health page shows the newest. Never a secret. */
  failed(reason: string): void;
  /** Resolves when the message is stored (answer the platform 2xx then, not before); rejects when refused. */
  receive(message: Omit<IncomingMessage, 'appId' | 'channel'>): Promise<void>;
  /** As `Hub.ask`: stores the message and waits for what became of it; the replies are not sent. `gone` aborts when the caller hangs up. */
  ask(message: Omit<IncomingMessage, 'appId' | 'channel'>, gone?: AbortSignal): Promise<StoredMessage>;
  /** What a person who waits is told: the bot's state and its training, if one runs. */
  progress(): Promise<BotProgress>;
  /** The same channel of the same bot at the other hubs of the store; absent where there can be none. */
  elsewhere?: Elsewhere | undefined;
  /** Whether this hub is the one of several that keeps a line to the platform; absent: it is the only one. */
  duty?: Duty | undefined;
}
/** What a channel tells itself at other hubs: people may be connected there. What is told may be lost; the log has it. */
export interface Elsewhere {
  tell(body: Json): void;
  /** Calls `listener` with what is told there, until the channel is closed. One listener. */
  listen(listener: (body: Json) => void): void;
}
/** Falls to one hub at a time, and may change. */
export interface Duty {
  /** Calls `change` now and whenever it changes; answers the way to end that. */
  watch(change: (mine: boolean) => void): () => void;
}
export interface BotProgress {
  ready: boolean;
  state: BotState;
  training: { percent: number; stage: string; eta: number | null } | null;
  engineInUse: EngineName | null;
  /** Why it cannot get ready without somebody's help: `no_model`, or the reason in words; null otherwise. */
  problem: string | null;
}
/** At most `count` sendings in any `ms` milliseconds. */
export interface Rate {
  count: number;
  ms: number;
}
export interface SendLimits {
  conversation?: Rate[];
  bot?: Rate[];
}
export type SendScope = 'conversation' | 'bot';
/** One reply, once: `id` and `part` are the same when it is sent again, so a platform that can drop repeats does. */
export interface Delivery {
  /** Id of the message it answers. */
  messageId: string;
  part: number;
  reply: BotMessage;
  /** The hub waits so long for the outcome; then what has not left must not leave any more. */
  limitMs: number;
  /** Aborts when that time is over, for clients that take a signal; read it only to use it. */
  readonly signal: AbortSignal;
}
/**
 * What became of a sending. `sent`: the platform has it. `unsure`: it may have it (the answer was lost). `later`: it has not, try again,
 * after `afterMs` where the platform said so (Retry-After), and whether that holds for the conversation or the whole bot. `refused`: it
 * never will (blocked, no such chat, credentials withdrawn).
 */
export type SendResult =
  | { outcome: 'sent' }
  | { outcome: 'unsure'; reason: string }
  | { outcome: 'refused'; reason: string }
  | { outcome: 'later'; reason: string; afterMs?: number; scope?: SendScope };
/** A platform's request, raw: signatures are made over bytes. */
export interface WebhookRequest {
  query: Record<string, string | string[] | undefined>;
  /** Names in lower case. */
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  /** By which of its addresses it came, for a connector that has several. */
  at?: string;
  /** A signal that aborts when the caller hangs up before the answer has left. */
  gone?(): AbortSignal;
}
export interface WebhookResponse {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}
/** The `user` claim of a token in Rasa's form: role `admin` may do everything, `user` only with the conversation of that name. */
export interface JwtUser {
  username: string | null;
  role: string | null;
}
export interface Connection {
  /** Sends one reply. Called by the hub only, one at a time per conversation, in order. A rejection counts as `unsure`. */
  send(to: string, delivery: Delivery): Promise<SendResult>;
  /**
   * Shows one reply to whoever is there. For a channel whose people read what they missed in the history when they come back: there a reply has
   * arrived once it is stored, so the hub calls this, once, in place of `send`, and keeps nothing in the outbox. In order per conversation.
   */
  show?(to: string, said: Pick<Delivery, 'part' | 'reply'>): void;
  /**
   * Takes a request of the platform: verifies, calls `receive` for each message in it, and answers 2xx only after that. What it rejects
   * with is answered as that error (`store_unavailable` as 503), so that the platform sends it again.
   */
  webhook?(request: WebhookRequest): Promise<WebhookResponse>;
  /** Who shows this JSON Web Token, for a channel whose author gave a key for them; null when it is not signed with that. */
  jwtUser?(token: string): Promise<JwtUser | null>;
  /** Asks the platform whether the channel works. Rejects only when the platform did not answer. */
  check?(): Promise<ChannelCheck>;
  /** Shows that the bot is working on an answer, or that it has none to send, where the platform can. Never throws. */
  typing?(to: string, working: boolean): void;
  close(): Promise<void>;
}
/** The message path. */
export interface Hub {
  /** Resolves when the message is durable; the turn runs afterwards. False: a duplicate, dropped. Rejects when it could not be stored, or with `mailbox_full`. */
  receive(message: IncomingMessage): Promise<boolean>;
  /** As `receive`, and waits for the replies, which are not sent: for callers who hold the line (REST). `gone` aborts when they hang up. */
  ask(message: IncomingMessage, gone?: AbortSignal): Promise<StoredMessage>;
  /** Takes a dead letter back to work; false when there is none. */
  replay(deadLetterId: string): Promise<boolean>;
  /** As `RunningEngine.parse`. */
  parse(appId: string, text: string, language?: string): Promise<{ parse: Parse; engine: EngineName }>;
  /** Lends the bot for `work` on one conversation, after what waits in it and before what comes later. Rejects with `mailbox_full`, or as `Engines.use` does. */
  hold<T>(
    at: Pick<IncomingMessage, 'appId' | 'conversation'>,
    work: (running: RunningEngine) => Promise<T>,
  ): Promise<T>;
  /**
   * Has the bot say something that nobody asked for, to where the user of the conversation last wrote from by this channel; stored when it
   * resolves. False, and nothing said, when there is no such place. Call it from within `hold`: the conversation must be nobody else's.
   */
  say(at: Pick<IncomingMessage, 'appId' | 'conversation' | 'channel'>, messages: BotMessage[]): Promise<boolean>;
  /** Does `work` on one conversation after what waits in it and before what comes later, without the bot. Rejects as `work` does. */
  aside<T>(at: At, work: () => Promise<T>): Promise<T>;
  /** Erases a conversation: what was said, what the bot remembers of it, what is still to be sent. False when there was none. */
  erase(at: At): Promise<boolean>;
  /** Takes no new turn, goes on storing what is received, and gives running turns and sendings a few seconds; the rest stays stored. */
  stop(): Promise<void>;
}

/** Which conversation. */
export type At = Pick<IncomingMessage, 'appId' | 'conversation'>;
/** How long a bot's conversations are held where nobody does anything, in minutes, and answers that agents have at hand. */
export interface DeskSettings {
  waitMinutes: number;
  returnMinutes: number;
  canned: { title: string; text: string }[];
}
/** What people do with conversations in the bot's place. Each rejects with `not_found` when there is no such conversation. */
export interface Desk {
  /**
   * Takes a conversation: resolves when the bot has said its last word. Rejects with `conversation_held` when another agent has it, unless
   * `force`. Without `minutes` the bot takes it back after the bot's `returnMinutes` without a word of the agent.
   */
  take(
    at: At,
    by: { agent: string; force?: boolean | undefined; minutes?: number | undefined },
  ): Promise<LoggedConversation>;
  /** Gives it back to the bot, with slots that it shall know. Rejects with `not_held`. */
  release(at: At, by: { slots?: Json | undefined }): Promise<LoggedConversation>;
  /**
   * Says something to the person; the same `key` says it once. Rejects with `not_held`, with `conversation_held` by another agent, and
   * with `unreachable` for somebody who can't be written to.
   */
  say(at: At, words: AnswerPart, by: { agent: string; key: string }): Promise<BotMessage>;
  /** A bot's settings; what nobody set is as in the beginning. */
  settings(appId: string): Promise<DeskSettings>;
  setSettings(appId: string, settings: DeskSettings): Promise<void>;
}

/** `said`: a message came, or has its outcome. `care`: who answers, tags, notes or the review changed. `gone`: it was erased. */
export type NewsKind = 'said' | 'care' | 'gone';
export type NewsListener = (at: At, kind: NewsKind) => void;
/** Conversations that change, as it happens. */
export interface ConversationNews {
  /** Calls `listener` on every change from now on; it may not throw. Answers the way to stop it. */
  watch(listener: NewsListener): () => void;
}

// ------------------------------------------------------------------ training

export interface JobEvent {
  job: TrainingJob;
  /** New log lines since the last event. */
  lines: string[];
}
/** Carries jobs to whoever trains. Persisted: what was submitted survives a restart. */
export interface TrainingQueue {
  /** Adds a stored job. Waiting jobs of the same bot become `superseded`. */
  submit(job: TrainingJob): Promise<void>;
  /** Cancels a waiting or running job; false when it had ended. */
  cancel(jobId: string): Promise<boolean>;
  /** Calls `listener` on every change of any job; answers the way to stop it. */
  watch(listener: (event: JobEvent) => void): () => void;
  /** Starts taking jobs, at most `parallel` at once; unfinished jobs of an earlier run first. A queue that nobody told to work still carries jobs to trainers elsewhere. */
  work(handler: JobHandler, parallel: number): Promise<void>;
  /**
   * For queues with trainers elsewhere: what one of them made is here, `handler` publishes it. Answers the job as it ended. Rejects with
   * `stale_result` when the job has ended, when a later trainer has it, or when its result is being published already.
   */
  deliver?(result: { jobId: string; fence: number }, handler: JobHandler): Promise<TrainingJob>;
  /** Who trains, and what they are at. */
  trainers(): Promise<TrainerStatus[]>;
  /** Rejects with `queue_unavailable` when no job could be put in now. */
  ping(): Promise<void>;
  /** Stops taking, aborts what runs (it is taken again at the next start) and waits for it. */
  close(): Promise<void>;
}
/** A host of training, as it shows itself. Sizes in bytes. */
export interface TrainerStatus {
  id: string;
  name: string;
  /** What it can do beyond any trainer: `gpu`, `rasa-3.6.21`, languages. */
  labels: string[];
  cores: number;
  memory: { total: number; free: number };
  gpus: string[];
  /** On what a training computes there, in words, with the reason where it is not a GPU. */
  device: string;
  /** Trainings at once. */
  parallel: number;
  /** Why it takes no job at present; null when it does. */
  holding: string | null;
  jobs: { jobId: string; appId: string }[];
}
/** Does one job; what it rejects with becomes the job's `error`. `signal` aborts on cancel and on close. */
export type JobHandler = (job: TrainingJob, report: JobReport, signal: AbortSignal) => Promise<{ modelId: string }>;
export type JobReport = (progress: { percent?: number; stage?: string; line?: string }) => void;

export interface TrainingRequest {
  /** Replaces the bot's FAQ before training. */
  pairs?: FaqPair[];
  /** One Rasa YAML text, laid over the bot's project. */
  yaml?: string;
  /** Train also when nothing has changed since the active model. */
  force?: boolean;
  /** Who asks. */
  by?: string;
  /** Train from `yaml` and nothing else, as Rasa's own `/model/train` does; the model is kept, and put into use only by `activate`. */
  apart?: boolean;
}
/** The training path, as its callers see it. */
export interface Training {
  /** Takes the snapshot and queues the job; when the active model was made from the same, the job is done at once. Rejects with `not_found`, `nothing_to_train` or `queue_unavailable`. */
  request(appId: string, request: TrainingRequest): Promise<TrainingJob>;
  /** The bot's newest job, if it has not ended. */
  current(appId: string): Promise<TrainingJob | null>;
  /** Resolves when the job has ended, with the job as it ended. */
  ended(jobId: string): Promise<TrainingJob>;
  /** Resolves when no job of the bot waits or runs. */
  settled(appId: string): Promise<void>;
  /** Makes an earlier model the active one, once it has come up. */
  activate(appId: string, modelId: string): Promise<Model>;
  /** Makes the model before the active one active again, once it has come up. Rejects with `no_model` when there is none. */
  rollBack(appId: string): Promise<Model>;
  /**
   * Makes an archive that was trained elsewhere the bot's active model, once it has come up; moves the file in. Rejects with `invalid`, and
   * nothing left on the shelf, when it does not come up.
   */
  adopt(appId: string, archivePath: string): Promise<Model>;
  /** Deletes a model that is not active, and its files when nothing else names them. */
  remove(appId: string, modelId: string): Promise<void>;
  /** Deletes the bot with everything the store has of it, and the files on the shelf that nobody else names. Cancels its training first. */
  discard(appId: string): Promise<void>;
  /** The snapshot that a job is trained from, as JSON. Rejects with `stale_result` when the job has ended. */
  content(jobId: string): Promise<string>;
  /** Publishes what a trainer elsewhere made; moves the archive in. Answers the job as it ended; rejects with `stale_result`. */
  deliver(result: { jobId: string; fence: number; archivePath: string; seconds: number }): Promise<TrainingJob>;
  /** Where a waiting job stands; null for one that does not wait. */
  standing(jobId: string): Promise<{ position: number; startsIn: number | null } | null>;
  /** All jobs that have not ended, oldest first. */
  unfinished(): Promise<TrainingJob[]>;
  /** Starts taking jobs. */
  start(parallel: number): Promise<void>;
}

/** Files by sha256: model archives and content snapshots. Nothing is visible under a digest before it is whole. */
export interface ModelShelf {
  /** Moves a file in; answers its digest. */
  putFile(path: string): Promise<{ digest: string; bytes: number }>;
  putText(text: string): Promise<{ digest: string; bytes: number }>;
  /** A local path whose content has this digest; `model_missing` otherwise. */
  fetch(digest: string): Promise<string>;
  remove(digest: string): Promise<void>;
}

// ------------------------------------------------------------------ store

export interface Page {
  limit: number;
  cursor?: string | undefined;
}
export interface Listed<T> {
  items: T[];
  next: string | null;
}
/** Everything that outlives the process. One conformance suite (test/contract/store.ts) holds for every member of stores/index.ts. */
export interface Store {
  bots: BotStore;
  faq: FaqStore;
  files: FileStore;
  jobs: JobStore;
  models: ModelStore;
  conversations: ConversationStore;
  log: LogStore;
  care: CareStore;
  parses: ParseStore;
  documents: DocumentStore;
  outbox: OutboxStore;
  deadLetters: DeadLetterStore;
  trackers: TrackerStore;
  channels: ChannelStore;
  templates: TemplateStore;
  users: UserStore;
  apiKeys: ApiKeyStore;
  tickets: TicketStore;
  audit: AuditStore;
  stream: StreamStore;
  subscriptions: SubscriptionStore;
  /** Small facts about the hub itself: `get` answers null for an unknown name. */
  settings: {
    get(name: string): Promise<string | null>;
    set(name: string, value: string): Promise<void>;
    list(): Promise<{ name: string; value: string }[]>;
  };
  /** Puts back what only a backup may write: ids, numbers and versions as they were. Bots first, messages before what belongs to them. */
  restore(thing: Restorable): Promise<void>;
  /** Rejects when the store cannot be written now. */
  ping(): Promise<void>;
  /** Who has which conversations, of a store that was opened to be shared by several hubs. Absent: this hub has all. */
  readonly leases?: Leases;
  close(): Promise<void>;
}

/** A hub of a store that several share. */
export interface HubFacts {
  id: string;
  /** Where nodes and other hubs reach it; null while it does not listen. */
  url: string | null;
  host: string;
  pid: number;
  since: string;
}
/**
 * How this hub stands to a conversation. `own`: it takes its turns. `opening`: it has it, and takes up what an earlier owner left. `unsure`: it
 * had it, and has not reached the store for too long to know whether it still does. `other`: it is somebody else's, or nobody's yet.
 */
export type Holding = 'own' | 'opening' | 'unsure' | 'other';
/**
 * Who has which conversations. A hub shows by a pulse that it lives; when the pulse of another stands still for five seconds by this hub's own
 * clock, its conversations are divided among those that live, under a higher epoch. Outcomes and sendings are written under the epoch, so a
 * hub that stood still changes nothing afterwards: such a write rejects with `stopping`, and with `store_unavailable` while it is `unsure`.
 */
export interface Leases {
  /** This hub. */
  readonly id: string;
  stateOf(at: At): Holding;
  /** Whose it is, by what is known here; null: nobody's now. */
  ownerOf(at: At): string | null;
  /** Those that live, this one among them. */
  hubs(): HubFacts[];
  /** No other hub was seen for some time: nobody else can have stored anything. */
  alone(): boolean;
  /** Joins, and takes what is free; resolves when that is open. Called once, by app.ts. */
  start(duties: LeaseDuties): Promise<void>;
  /** Says where this hub is reached. */
  show(url: string): void;
  /** Looks at once, as when another hub told of a change. */
  look(): Promise<void>;
  /** Lets this hub write in a conversation of another, which has lent it under this epoch; answers the way to end that. */
  borrow(at: At, epoch: number): () => void;
  /** Under which epoch this hub has it. Rejects, as writes do, when it has it not. */
  epochOf(at: At): number;
  /** Gives everything free. */
  leave(): Promise<void>;
}
export interface LeaseDuties {
  /** Takes up what is in the conversations for which `mine` is true; their turns wait until it resolves. */
  open(mine: (at: At) => boolean): Promise<void>;
  /** Runs nothing of them any more? They are `other` already, and are given away then. */
  idle(mine: (at: At) => boolean): boolean;
  /** Called after this hub took or gave some. */
  changed(): void;
}
/** What `Store.restore` takes; messages of one conversation in their order. */
export type Restorable =
  | { kind: 'faq'; appId: string; faq: Faq }
  | { kind: 'message'; message: StoredMessage }
  | { kind: 'entry'; entry: OutboxEntry }
  | { kind: 'letter'; letter: DeadLetter };
export interface BotStore {
  /** Makes the bot and the files of its project together, or neither. Rejects with `bot_exists` when the APP_ID is taken. */
  create(bot: Bot, files?: readonly ProjectFile[]): Promise<void>;
  get(appId: string): Promise<Bot | null>;
  /** Oldest first. */
  list(page: Page): Promise<Listed<Bot>>;
  /** Answers the changed bot; null when there is none. */
  update(appId: string, change: Partial<Omit<Bot, 'appId' | 'createdAt'>>): Promise<Bot | null>;
  /** Removes the bot and all that is its own: FAQ, files, jobs, models, conversations, trackers, channel settings. */
  delete(appId: string): Promise<boolean>;
}
export interface FaqStore {
  /** A bot without FAQ has version 0 and no pairs. */
  get(appId: string): Promise<Faq>;
  /** Replaces all pairs at once; answers the new version. With `ifVersion`, rejects with `version_conflict` unless it is the present one. */
  put(appId: string, pairs: FaqPair[], ifVersion?: number): Promise<number>;
}
export interface FileStore {
  list(appId: string): Promise<string[]>;
  read(appId: string): Promise<ProjectFile[]>;
  /** Writes all or none. With `replace`, files not named are removed. */
  write(appId: string, files: ProjectFile[], options?: { replace?: boolean }): Promise<void>;
  remove(appId: string, path: string): Promise<boolean>;
}
export interface JobStore {
  create(job: TrainingJob): Promise<void>;
  get(id: string): Promise<TrainingJob | null>;
  /** Newest first. */
  list(appId: string, page: Page): Promise<Listed<TrainingJob>>;
  /**
   * Writes the change if the job is in one of `from` (any state when absent); answers the job as changed, or null. A change that names a
   * `fence` lower than the stored one is too late: null, and nothing written.
   */
  update(id: string, change: Partial<TrainingJob>, from?: JobState[]): Promise<TrainingJob | null>;
  /** Queued, running and evaluating jobs of all bots, oldest first. */
  unfinished(): Promise<TrainingJob[]>;
  appendLog(id: string, lines: string[]): Promise<void>;
  log(id: string): Promise<string[]>;
}
export interface ModelStore {
  add(model: Model): Promise<void>;
  get(appId: string, id: string): Promise<Model | null>;
  /** Newest first. */
  list(appId: string, page: Page): Promise<Listed<Model>>;
  remove(appId: string, id: string): Promise<boolean>;
  /** Writes what is known of a model; answers it as changed, null when there is none. */
  note(appId: string, id: string, about: ModelFacts): Promise<Model | null>;
  /** Does any model or job still name this digest? */
  references(digest: string): Promise<boolean>;
}
export interface ConversationStore {
  /** Stores a message under (appId, channel, eventId); durable when it resolves. Conversation ids are unique within a bot: connectors begin theirs with their name. `duplicate`: it was there, and is answered as stored. `doubtful`: an earlier call stored it and could not say so, so that another hub may have found it. */
  receive(message: IncomingMessage): Promise<{ message: StoredMessage; duplicate: boolean; doubtful?: boolean }>;
  /**
   * Records what became of a message, and in the same transaction what follows from it; answers the entries put into the outbox. Rejects
   * with `not_found` when the message went away with its bot.
   */
  settle(id: string, change: MessageChange, then?: Aftermath): Promise<OutboxEntry[]>;
  /** Messages that were stored but have no outcome yet, in the order received. */
  unsettled(page: Page): Promise<Listed<StoredMessage>>;
  /** Those of one conversation, in its order. */
  waiting(appId: string, conversation: string): Promise<StoredMessage[]>;
  /** One message; null when there is none. */
  get(id: string): Promise<StoredMessage | null>;
  /** Latest activity first. */
  list(appId: string, page: Page): Promise<Listed<Conversation>>;
  /** Oldest first. */
  messages(appId: string, conversation: string, page: Page): Promise<Listed<StoredMessage>>;
  /**
   * Removes messages that were received before what `aged` says (ISO) for their bot and have their outcome, their replies having left or been given up; a
   * conversation goes with its last message, and its tracker and dead letters with it. Looks at a page of them, oldest first; answers how
   * many it removed, and where to go on.
   */
  expire(aged: Aged, page: Page): Promise<{ removed: number; next: string | null }>;
  /** Removes a conversation with all that belongs to it, whatever its state: messages, replies to be sent, dead letters, tracker, care. False when there was none. */
  erase(appId: string, conversation: string): Promise<boolean>;
  /** The newest `count` messages, oldest first: what somebody who comes back is shown. */
  latest(appId: string, conversation: string, count: number): Promise<StoredMessage[]>;
}
/** Before which time messages go: those of the bots that are named, and all others; null: never. */
export interface Aged {
  before: string | null;
  bots: Record<string, string>;
}
export type MessageChange = Partial<
  Pick<StoredMessage, 'state' | 'error' | 'replies' | 'intent' | 'confidence' | 'delivered' | 'ms' | 'turn'>
>;
export interface Aftermath {
  /** The last ones of `change.replies`: they go into the outbox. */
  send?: BotMessage[];
  /** Keeps a failed message as a dead letter, with how often it was tried. */
  bury?: { attempts: number };
}
/**
 * The log as people search it, newest first. A search looks at so much and no more at a time: a page may be short or empty though more
 * follows, and only `next` null says that the end was reached. It never holds up what is written.
 */
export interface LogStore {
  conversations(appId: string, filter: LogFilter, page: Page): Promise<Listed<LoggedConversation>>;
  /** What was said in them, latest activity first: of each the newest messages from `from` (ISO) on, oldest first. For programs that read a bot's log. */
  transcripts(appId: string, from: string | undefined, page: Page): Promise<Listed<Transcript>>;
  requests(filter: RequestFilter, page: Page): Promise<Listed<LoggedRequest>>;
  /** What is counted of messages of all bots that were received at or after `from` and before `to` (ISO), in that order. For programs that read the whole log. */
  everything(span: { from: string; to: string }, page: Page): Promise<Listed<TurnRecord>>;
}
/** What people do about conversations. It goes with the conversation. */
export interface CareStore {
  /** Null when there is no such conversation. */
  get(appId: string, conversation: string): Promise<LoggedConversation | null>;
  /** Writes what is named and leaves the rest; null, and nothing written, when there is no such conversation. */
  change(appId: string, conversation: string, change: CareChange): Promise<LoggedConversation | null>;
  /** Of all bots, those that wait or are held. */
  active(): Promise<{ appId: string; conversation: string; care: Care }[]>;
}
/** Texts that were only to be understood; the text itself is not kept. */
export interface ParseStore {
  /** Those of a bot that is gone are dropped. */
  add(records: ParseRecord[]): Promise<void>;
  /** Removes those from before `before` (ISO); answers how many. */
  expire(before: string): Promise<number>;
}
/** Small things that belong to a bot and are read and written whole, each under a name. They go with the bot. */
export interface DocumentStore {
  get(appId: string, name: string): Promise<Json | null>;
  /** Rejects with `not_found` when there is no such bot. */
  put(appId: string, name: string, body: Json): Promise<void>;
  /** Puts `body` in the place of `was` (null: there is none); false, and nothing written, when the document is another by now. Rejects as `put` does. */
  swap(document: { appId: string; name: string; was: Json | null; body: Json }): Promise<boolean>;
  list(appId: string): Promise<{ name: string; body: Json }[]>;
}
/** Replies that have not left yet. `ConversationStore.settle` puts them in. */
export interface OutboxStore {
  /** In the order they were put in. */
  pending(page: Page): Promise<Listed<OutboxEntry>>;
  /** Those of one message, in that order. */
  of(messageId: string): Promise<OutboxEntry[]>;
  /** It has left: removes it, and marks the message as delivered when it was the last of an answer that went out whole, as `maybeTwice` when it may have left twice. */
  sent(entry: OutboxEntry): Promise<void>;
  /** Notes a failed sending: `attempts`, `maybeSent`, `error` and `hold` as they stand in `entry`. */
  retry(entry: OutboxEntry): Promise<void>;
  /** Gives it up: makes it a dead letter. */
  bury(entry: OutboxEntry): Promise<void>;
}
export interface DeadLetterStore {
  /** Newest first; of one bot, or of all. */
  list(page: Page, appId?: string): Promise<Listed<DeadLetter>>;
  get(id: string): Promise<DeadLetter | null>;
  /** Removes the letter and makes its turn or its reply work to do again, both or neither; null when there is none. */
  revive(id: string): Promise<{ message: StoredMessage } | { entry: OutboxEntry } | null>;
  /** Removes it for good; false when there was none. */
  discard(id: string): Promise<boolean>;
}
/** Rasa's trackers: events of (appId, sender), in order. */
export interface TrackerStore {
  /** Events since the last `session_started` (with the `action_session_start` before it), or all; `offset`: how many are older. Null: unknown sender. */
  read(appId: string, sender: string, all: boolean): Promise<{ offset: number; events: Json[] } | null>;
  /** False, and nothing written, when the tracker does not hold exactly `from` events. */
  append(appId: string, sender: string, from: number, events: Json[]): Promise<boolean>;
  /** Appends at the end, wherever that is. */
  extend(appId: string, sender: string, events: Json[]): Promise<void>;
  replace(appId: string, sender: string, events: Json[]): Promise<void>;
  senders(appId: string): Promise<string[]>;
}
/** A template that was added to this hub: what a new bot starts from. Shipped ones are files, not records. */
export interface StoredTemplate {
  readonly name: string;
  /** By language: `en`, `zh`. */
  title: Record<string, string>;
  description: Record<string, string>;
  language: string;
  pipeline: Pipeline;
  pairs: FaqPair[];
  files: ProjectFile[];
  updatedAt: string;
}
export interface TemplateStore {
  get(name: string): Promise<StoredTemplate | null>;
  /** By name. */
  list(): Promise<StoredTemplate[]>;
  /** Writes it, whether it is there or not. */
  put(template: StoredTemplate): Promise<void>;
  /** False when there was none. */
  remove(name: string): Promise<boolean>;
}
/** What the author of a bot set for one channel. Whoever has the hub's key reads `secrets`; the store does not. */
export interface ChannelRecord {
  readonly appId: string;
  readonly channel: string;
  settings: Json;
  /** Sealed; null: none. */
  secrets: string | null;
  updatedAt: string;
}
/** What was last seen of a channel. */
export interface ChannelHealth {
  lastEventAt: string | null;
  lastErrorAt: string | null;
  lastError: string | null;
}
export interface ChannelStore {
  get(appId: string, channel: string): Promise<ChannelRecord | null>;
  /** Those of one bot, by channel name. */
  list(appId: string): Promise<ChannelRecord[]>;
  /** Rejects with `not_found` when there is no such bot. */
  put(record: ChannelRecord): Promise<void>;
  /** Removes the settings; false when there were none. */
  remove(appId: string, channel: string): Promise<boolean>;
  /** By channel name; none for a channel of which nothing was noted. */
  health(appId: string): Promise<Map<string, ChannelHealth>>;
  /** Notes what is given and leaves the rest; nothing happens when there is no such bot. */
  note(appId: string, channel: string, change: Partial<ChannelHealth>): Promise<void>;
}

// ------------------------------------------------------------------ event stream

/** Events that were added to one tracker at once. */
export interface StreamItem {
  /** Ascending in the order in which it was stored; gaps are legal. */
  readonly position: number;
  readonly appId: string;
  readonly conversation: string;
  /** Null for a conversation that only Rasa's own API knows. */
  readonly channel: string | null;
  /** When it was stored. */
  readonly at: string;
  /** As Rasa keeps them. */
  readonly events: Json[];
}
/**
 * What stands in the trackers of all bots, in the order in which it was stored. What was erased is not here any more. A store may know the
 * order only while there are subscriptions; what it held before the first of them then comes first, conversation by conversation.
 */
export interface StreamStore {
  /** What follows `after`. `end`: so far it looked, though there may be less to show; `after` itself when nothing follows. */
  read(after: number, limit: number): Promise<{ items: StreamItem[]; end: number }>;
  /** What stands at this position; null when it is not there (any more). */
  at(position: number): Promise<StreamItem | null>;
  /** The newest position; 0: there is nothing. */
  head(): Promise<number>;
  /** The position after which all that was stored at or after `time` (ISO) follows. */
  seek(time: string): Promise<number>;
}
/** Somebody who is sent the events of conversations. */
export interface Subscription {
  readonly id: string;
  readonly kind: 'webhook' | 'kafka';
  name: string;
  /** Where to, without user and password. */
  url: string;
  /** The bot whose events it gets, with which it goes; null: all. */
  readonly appId: string | null;
  /** Names of events (`user`, `bot`); null: all. */
  events: string[] | null;
  /** What its requests are signed with, sealed; null where nothing is signed. */
  secret: string | null;
  enabled: boolean;
  /** What the newest sending that failed said, or why it is off; null: nothing to say. */
  error: string | null;
  /** Since when every sending has failed. */
  failingSince: string | null;
  /** What was stored up to here was sent, or is held. */
  position: number;
  /** Counts what people changed of it. */
  readonly version: number;
  readonly by: string;
  readonly createdAt: string;
}
/** A sending that failed, or that waits behind one in its conversation. What it says stands in the stream, at its position. */
export interface HeldSending {
  readonly subscriptionId: string;
  readonly position: number;
  readonly appId: string;
  readonly conversation: string;
  /** `dead`: it was given up. */
  state: 'waiting' | 'dead';
  attempts: number;
  error: string | null;
  /** Not before this time (milliseconds since 1970). */
  nextAt: number;
  /** When the events were stored. */
  readonly at: string;
}
export interface SubscriptionStore {
  /** Rejects with `not_found` when its bot is not there. */
  add(subscription: Subscription): Promise<void>;
  get(id: string): Promise<Subscription | null>;
  /** Oldest first: of one bot, or all. */
  list(page: Page, appId?: string): Promise<Listed<Subscription>>;
  /**
   * Null when there is none. A change is a person's, and counts as a version; unless it notes what became of sendings `asOf` a version: then it
   * is made only while that is the newest (null otherwise).
   */
  update(
    id: string,
    change: Partial<Omit<Subscription, 'id' | 'kind' | 'appId' | 'version' | 'by' | 'createdAt'>>,
    asOf?: number,
  ): Promise<Subscription | null>;
  /** Removes it and what is held of it; false when there was none. */
  remove(id: string): Promise<boolean>;
  /** Writes it, whether it is there or not; nothing happens when the subscription is gone. */
  hold(sending: HeldSending): Promise<void>;
  /** By position. */
  held(id: string, state: HeldSending['state'], page: Page): Promise<Listed<HeldSending>>;
  /** Removes one; false when it was not there. */
  drop(id: string, position: number): Promise<boolean>;
}

// ------------------------------------------------------------------ access

/** What somebody is, on the whole hub or on one bot; src/access/policy.ts says what each may do. */
export type Role = 'admin' | 'editor' | 'builder' | 'agent' | 'viewer';
/** What a route asks of its caller: the left column of the policy. */
export type Right =
  'member' | 'train' | 'watch' | 'create' | 'administer' | 'read' | 'converse' | 'edit' | 'build' | 'serve' | 'own';
/** Whoever calls, once the credentials were looked at. */
export interface Principal {
  /** `token`: ADMIN_TOKEN; `trainer`: TRAINER_TOKEN; `node`: NODE_TOKEN; `key`: an API key; `user`: somebody who signed in. */
  readonly kind: 'token' | 'trainer' | 'node' | 'key' | 'user';
  /** Of the key or the user; the kind for the tokens. */
  readonly id: string;
  /** For people who read who did something. */
  readonly name: string;
  /** On the whole hub, and so on every bot. */
  readonly role: Role | 'trainer' | 'node' | null;
  /** By APP_ID, what somebody is on single bots beside that. */
  readonly bots: Readonly<Record<string, Role>>;
}
/** What a request shows of its sender. */
export interface Credentials {
  /** A bearer token: of the admin, of a trainer, or an API key. */
  token?: string | undefined;
  /** The session cookie. */
  session?: string | undefined;
}
/** Who calls and what they may do. http/ asks before every handler, and again while a stream is open; connectors ask through app.ts. */
export interface Access {
  /** Whose credentials these are; null: nobody's, or not any more. A change is seen within two seconds, on every hub of the store. */
  identify(shown: Credentials): Promise<Principal | null>;
  /** `appId`: on which bot; null: on the hub as a whole, and so on every bot. */
  may(principal: Principal, right: Right, appId: string | null): boolean;
}

/** How much anybody may ask. Each rejects with `rate_limited`, and when to come back, for who asked more than the operator allows; connectors ask through app.ts. */
export interface RateLimits {
  /** A request from this address, before anything of it is read. This machine's own addresses are not counted. */
  address(address: string): Promise<void>;
  /** A request of a key or a person, on this bot where it names one. The operator's own tokens are not counted. */
  caller(principal: Principal, appId: string | null): Promise<void>;
  /** A request or message to this bot from where anybody may send one. */
  bot(appId: string): Promise<void>;
}

/** Somebody who signs in. */
export interface User {
  readonly id: string;
  /** What they sign in with: an e-mail address in lower case, or `ISSUER SUBJECT` where an OpenID provider vouches for them. Unique. */
  login: string;
  name: string;
  /** Argon2's own text; null: no password signs them in. */
  password: string | null;
  role: Role | null;
  bots: Record<string, Role>;
  /** False: shut out. */
  active: boolean;
  readonly createdAt: string;
  updatedAt: string;
  signedInAt: string | null;
}
export interface UserStore {
  /** Rejects with `user_exists` when the login is taken. */
  create(user: User): Promise<void>;
  get(id: string): Promise<User | null>;
  byLogin(login: string): Promise<User | null>;
  /** Oldest first. */
  list(page: Page): Promise<Listed<User>>;
  /** Answers the user as changed; null when there is none. */
  update(id: string, change: Partial<Omit<User, 'id' | 'login' | 'createdAt'>>): Promise<User | null>;
  /** What somebody is on one bot; null: nothing any more. Answers the user as changed; null when there is none. */
  setRole(id: string, appId: string, role: Role | null): Promise<User | null>;
  /** Takes away what everybody is on this bot. */
  forgetBot(appId: string): Promise<void>;
  remove(id: string): Promise<boolean>;
}
/** A key that a program shows. The key itself is kept by whoever made it; here is its sha256. */
export interface ApiKey {
  readonly id: string;
  name: string;
  readonly digest: string;
  /** The last letters of the key, by which people tell keys apart. */
  readonly tail: string;
  readonly role: Role;
  /** The bot that it is for, with which it goes; null: the whole hub. */
  readonly appId: string | null;
  /** Who made it. */
  readonly by: string;
  readonly createdAt: string;
  /** Null: never. */
  expiresAt: string | null;
  /** To the minute. */
  usedAt: string | null;
}
export interface ApiKeyStore {
  /** Rejects with `not_found` when its bot is not there. */
  add(key: ApiKey): Promise<void>;
  get(id: string): Promise<ApiKey | null>;
  byDigest(digest: string): Promise<ApiKey | null>;
  /** Oldest first: of one bot, or all. */
  list(page: Page, appId?: string): Promise<Listed<ApiKey>>;
  update(id: string, change: Partial<Pick<ApiKey, 'name' | 'expiresAt' | 'usedAt'>>): Promise<ApiKey | null>;
  remove(id: string): Promise<boolean>;
}
/** Something secret that was handed to one person: a session, an invitation, a link to set a new password, a sign-in under way elsewhere. */
export interface Ticket {
  /** The sha256 of the secret, which is kept by that person alone. */
  readonly digest: string;
  readonly kind: 'session' | 'invitation' | 'reset' | 'sign-in';
  /** Whose it is; null where there is no user yet. */
  readonly userId: string | null;
  readonly body: Json;
  readonly createdAt: string;
  readonly expiresAt: string;
}
export interface TicketStore {
  add(ticket: Ticket): Promise<void>;
  /** As it was added, also when its time is over. */
  get(digest: string): Promise<Ticket | null>;
  /** Removes it and answers it: of several who ask at once, one gets it. */
  take(digest: string): Promise<Ticket | null>;
  /** Replaces its body; false when there is none. */
  rewrite(digest: string, body: Json): Promise<boolean>;
  /** Removes those of a user, but for the one with the digest `except`; answers how many. */
  removeOf(userId: string, except?: string): Promise<number>;
  /** Removes those whose time was over before `before` (ISO); answers how many. */
  expire(before: string): Promise<number>;
}
/** Who did what. It stays when the bot and the user go. */
export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly by: { kind: Principal['kind'] | 'nobody'; id: string; name: string };
  /** The address that the request came from. */
  readonly from: string;
  /** The route: `PUT /bots/{appId}/faq`. */
  readonly action: string;
  /** The path as it was asked for. */
  readonly target: string;
  readonly appId: string | null;
  readonly status: number;
  /** What changed, as the API shows it; null where that can't be told, or nothing was there. */
  readonly before: unknown;
  readonly after: unknown;
}
export interface AuditFilter {
  appId?: string | undefined;
  /** The id of who did it. */
  by?: string | undefined;
  /** ISO; both ends belong to it. */
  from?: string | undefined;
  to?: string | undefined;
}
export interface AuditStore {
  /** Nothing happens when the entry is there already. */
  add(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  list(page: Page, filter: AuditFilter): Promise<Listed<AuditEntry>>;
}
