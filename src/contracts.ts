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
  /** Fallback threshold 0..1 chosen by the author; null: measured at each training. */
  threshold: number | null;
  activeModel: string | null;
  readonly createdAt: string;
  updatedAt: string;
}

/** One reply, in the shape of Rasa's REST channel; absent keys are omitted. */
export interface BotMessage {
  recipient_id: string;
  text?: string;
  image?: string;
  buttons?: { title: string; payload: string }[];
  attachment?: unknown;
  custom?: unknown;
  /** Added by the hub: what answered, so that nobody mistakes the lite engine for Rasa. */
  metadata?: { engine: EngineName };
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
  /** Times a trainer took it: a job that was running when the hub died is taken once more. */
  attempts: number;
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
  bot: Pick<Bot, 'appId' | 'name' | 'language' | 'template' | 'pipeline' | 'threshold'>;
  pairs: FaqPair[];
  /** The bot's own project files, used as they are when `pipeline` is `project`. */
  files: ProjectFile[];
  /** One Rasa YAML text sent with the training request, laid over the files. */
  yaml: string | null;
}
export interface ProjectFile {
  /** Relative, `/`-separated, normalised: never absolute, never with `..`. */
  path: string;
  content: string;
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
  metadata: Json;
}
/** `received`: stored, not answered yet. `answered`: replies stored. `failed`: given up, `error` says why. */
export type MessageState = 'received' | 'answered' | 'failed';
export interface StoredMessage extends IncomingMessage {
  readonly id: string;
  /** Place in its conversation: ascending, gaps are legal. */
  readonly number: number;
  state: MessageState;
  error: string | null;
  replies: BotMessage[];
  /** What the bot understood; null until answered, and for engines that do not say. */
  intent: string | null;
  confidence: number | null;
  delivered: boolean;
  /** Milliseconds from receipt to answer. */
  ms: number | null;
  readonly receivedAt: string;
}
/** One conversation of one bot, as a list shows it. */
export interface Conversation {
  id: string;
  channel: string;
  messages: number;
  firstAt: string;
  lastAt: string;
}

// ------------------------------------------------------------------ engines

/** One user message on its way into an engine. */
export interface Turn {
  sender: string;
  text: string;
  payload: boolean;
  channel: string;
  metadata: Json;
}
export interface TurnResult {
  messages: BotMessage[];
  parse: Parse | null;
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
  launch(bot: Bot, model: LoadableModel | null): Promise<RunningEngine>;
}
/** One awake bot. */
export interface RunningEngine {
  readonly engine: EngineName;
  /** OS process, where there is one. */
  readonly pid: number | null;
  /** One turn. The pool calls it; turns of one sender never overlap. Rejects with `turn_failed` when the bot broke; an empty list is a real answer. */
  reply(turn: Turn): Promise<TurnResult>;
  /** Understand without answering. */
  parse(text: string): Promise<Parse>;
  /** Ends it: TERM, a deadline, KILL. Never rejects; may be called twice. */
  stop(): Promise<void>;
  /** Resolves when it is gone, however it went. */
  readonly exited: Promise<Exit>;
  /** The newest lines the bot's process wrote, oldest first. */
  log(): string[];
}
export interface BotStatus {
  state: BotState;
  /** Null while asleep. */
  engineInUse: EngineName | null;
  pid: number | null;
  /** Why it is quarantined, in words. */
  reason: string | null;
}
/** The pool of awake bots: the hub's only way to an engine. */
export interface Engines {
  /** Wakes the bot if needed and lends it for `work`; a bot is never stopped while lent. Rejects with `no_model`, `bot_quarantined` or `wake_failed`. */
  use<T>(appId: string, work: (running: RunningEngine) => Promise<T>): Promise<T>;
  /** Launches `model`, then switches to it and drains the old one. Rejects, changing nothing, when the new one does not come up. `live` runs at the switch. */
  swap(appId: string, model: Model, live: () => Promise<void>): Promise<void>;
  /** Puts the bot to sleep after its running turns; wakes it again on the next message. */
  park(appId: string): Promise<void>;
  /** Ends the quarantine, if any, and starts the process anew. */
  restart(appId: string): Promise<void>;
  status(appId: string): BotStatus;
  log(appId: string): string[];
  stop(): Promise<void>;
}

// ------------------------------------------------------------------ channels

/** A platform. `settings` of one bot's channel open one Connection. */
export interface Connector {
  readonly name: string;
  /** Called once by app.ts before the hub listens, for platforms that need the HTTP server itself (socket.io). */
  attach?(server: import('node:http').Server): void;
  /** Opens a bot's channel. Must not wait for the platform. */
  open(context: ConnectionContext): Connection;
  close(): Promise<void>;
}
export interface ConnectionContext {
  bot: Pick<Bot, 'appId' | 'name' | 'language'>;
  /** The bot's settings of this channel, as its author gave them; empty where there are none. */
  settings: Json;
  /** Resolves when the message is stored (answer the platform 2xx then, not before); rejects when refused. */
  receive(message: Omit<IncomingMessage, 'appId' | 'channel'>): Promise<void>;
  /** What a person who waits is told: the bot's state and its training, if one runs. */
  progress(): Promise<BotProgress>;
}
export interface BotProgress {
  ready: boolean;
  state: BotState;
  training: { percent: number; stage: string; eta: number | null } | null;
  engineInUse: EngineName | null;
  /** Why it cannot get ready without somebody's help: `no_model`, or the reason in words; null otherwise. */
  problem: string | null;
}
export interface Connection {
  /** Sends the replies in order. Called by the hub only, one call at a time per conversation. Rejects when the platform refused. */
  send(to: string, replies: BotMessage[]): Promise<void>;
  /** Shows that the bot is working on an answer, where the platform can. Never rejects. */
  typing?(to: string): void;
  close(): Promise<void>;
}
/** The message path. */
export interface Hub {
  /** Stores the message and answers; the turn runs afterwards. False: a duplicate, dropped. Rejects when it could not be stored. */
  receive(message: IncomingMessage): Promise<boolean>;
  /** As `receive`, and waits for the replies: for callers who hold the line (REST). */
  ask(message: IncomingMessage): Promise<StoredMessage>;
  parse(appId: string, text: string): Promise<{ parse: Parse; engine: EngineName }>;
  stop(): Promise<void>;
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
  /** Starts taking jobs, at most `parallel` at once; unfinished jobs of an earlier run first. */
  work(handler: JobHandler, parallel: number): Promise<void>;
  /** Stops taking, aborts what runs (it is taken again at the next start) and waits for it. */
  close(): Promise<void>;
}
/** Does one job; what it rejects with becomes the job's `error`. `signal` aborts on cancel and on close. */
export type JobHandler = (job: TrainingJob, report: JobReport, signal: AbortSignal) => Promise<{ modelId: string }>;
export type JobReport = (progress: { percent?: number; stage?: string; line?: string }) => void;

export interface TrainingRequest {
  /** Replaces the bot's FAQ before training. */
  pairs?: FaqPair[];
  /** One Rasa YAML text, laid over the bot's project. */
  yaml?: string;
}
/** The training path, as its callers see it. */
export interface Training {
  /** Takes the snapshot and queues the job. Rejects with `not_found` or `nothing_to_train`. */
  request(appId: string, request: TrainingRequest): Promise<TrainingJob>;
  /** The bot's newest job, if it has not ended. */
  current(appId: string): Promise<TrainingJob | null>;
  /** Resolves when the job has ended, with the job as it ended. */
  ended(jobId: string): Promise<TrainingJob>;
  /** Resolves when no job of the bot waits or runs. */
  settled(appId: string): Promise<void>;
  /** Makes an earlier model the active one, once it has come up. */
  activate(appId: string, modelId: string): Promise<Model>;
  /** Deletes a model that is not active, and its files when nothing else names them. */
  remove(appId: string, modelId: string): Promise<void>;
  /** Deletes the bot with everything the store has of it, and the files on the shelf that nobody else names. Cancels its training first. */
  discard(appId: string): Promise<void>;
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
  trackers: TrackerStore;
  /** Small facts about the hub itself: `get` answers null for an unknown name. */
  settings: { get(name: string): Promise<string | null>; set(name: string, value: string): Promise<void> };
  /** Rejects when the store cannot be written now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
export interface BotStore {
  /** Rejects with `bot_exists` when the APP_ID is taken. */
  create(bot: Bot): Promise<void>;
  get(appId: string): Promise<Bot | null>;
  /** Oldest first. */
  list(page: Page): Promise<Listed<Bot>>;
  /** Answers the changed bot; null when there is none. */
  update(appId: string, change: Partial<Omit<Bot, 'appId' | 'createdAt'>>): Promise<Bot | null>;
  /** Removes the bot and all that is its own: FAQ, files, jobs, models, conversations, trackers. */
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
  /** Writes the change if the job is in one of `from` (any state when absent); answers the job as changed, or null. */
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
  /** Does any model or job still name this digest? */
  references(digest: string): Promise<boolean>;
}
export interface ConversationStore {
  /** Stores a message under (appId, channel, eventId); durable when it resolves. Conversation ids are unique within a bot: connectors begin theirs with their name. `duplicate`: it was there, and is answered as stored. */
  receive(message: IncomingMessage): Promise<{ message: StoredMessage; duplicate: boolean }>;
  /** Records what became of a message. */
  settle(
    id: string,
    change: Partial<Pick<StoredMessage, 'state' | 'error' | 'replies' | 'intent' | 'confidence' | 'delivered' | 'ms'>>,
  ): Promise<void>;
  /** Messages that were stored but not answered, and answers that were not delivered, in the order received. */
  unsettled(): Promise<StoredMessage[]>;
  /** Latest activity first. */
  list(appId: string, page: Page): Promise<Listed<Conversation>>;
  /** Oldest first. */
  messages(appId: string, conversation: string, page: Page): Promise<Listed<StoredMessage>>;
  /** The newest `count` messages, oldest first: what somebody who comes back is shown. */
  latest(appId: string, conversation: string, count: number): Promise<StoredMessage[]>;
}
/** Rasa's trackers: events of (appId, sender), in order. */
export interface TrackerStore {
  /** Events since the last `session_started` (with the `action_session_start` before it), or all; `offset`: how many are older. Null: unknown sender. */
  read(appId: string, sender: string, all: boolean): Promise<{ offset: number; events: Json[] } | null>;
  /** False, and nothing written, when the tracker does not hold exactly `from` events. */
  append(appId: string, sender: string, from: number, events: Json[]): Promise<boolean>;
  replace(appId: string, sender: string, events: Json[]): Promise<void>;
  senders(appId: string): Promise<string[]>;
}
