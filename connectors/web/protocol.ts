/**
 * What crosses a socket between the web connector and its clients, shared with widget/. Events and shapes that Rasa's own
 * socket.io channel has (`session_request`, `session_confirm`, `user_uttered`, `bot_uttered`) keep its names; the rest is ours, and a
 * client that does not know it may ignore it.
 */

/** How our own pages name themselves as `auth.client`. A client that does not is sent what Rasa's channel sends: a message for each paragraph, without `message_id`. */
export const ownClient = 'switchboard';

/** The sentences of the chat that a bot's author may put in other words; `{name}` stands for the bot's. */
export const ownWords = [
  'hello',
  'start',
  'placeholder',
  'message',
  'send',
  'close',
  'hint',
  'newest',
  'waiting',
  'failed',
  'retry',
  'file',
  'offline',
  'reconnecting',
  'withAgent',
  'calling',
] as const;
/** How a bot's author wants the chat and its button to look. */
export interface Appearance {
  title?: string;
  color?: string;
  position?: 'left' | 'right';
  /** Address of a picture. */
  avatar?: string;
  /** What the button says unasked, after `greetingSeconds`. */
  greeting?: string;
  greetingSeconds?: number;
  /** A sound for answers that nobody looks at. */
  sound?: boolean;
  texts?: Partial<Record<(typeof ownWords)[number], string>>;
}

/** Client → server: asks for a session. `last` is the id of the client's newest message up to which it misses no answer. */
export interface SessionRequest {
  session_id?: string | undefined;
  last?: string | undefined;
}

/** Client → server: one message. `id` makes a repeat harmless; `payload` says that `message` is the payload of a button. */
export interface UserUttered {
  message?: string | undefined;
  session_id?: string | undefined;
  id?: string | undefined;
  payload?: boolean | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** The acknowledgement of a `user_uttered`: `ok` means stored. `retry`: the same message may pass later. */
export type Ack = { ok: true } | { ok: false; code: string; error: string; retry: boolean };

export interface QuickReply {
  content_type: 'text';
  title: string;
  payload: string;
}

/** Server → client `bot_uttered`, in Rasa's shapes; `message_id` is the same whenever the same message comes again. */
export interface BotUttered {
  message_id?: string;
  text?: string;
  quick_replies?: QuickReply[];
  /** The person who said it in the bot's place. */
  agent?: string;
  attachment?: unknown;
  [custom: string]: unknown;
}

/** Server → client `user_echo`: what the person said in another tab. `text` is the title of the button, where one was pressed. */
export interface UserEcho {
  from: 'user';
  id: string;
  text: string;
  /** ISO 8601. */
  time: string;
  /** No answer is stored yet. */
  waiting: boolean;
}
export interface PastReply {
  from: 'bot';
  id: string;
  message: BotUttered;
  time: string;
}
/** Server → client `session_history`: a list of these, oldest first. A client knows a message it already shows by its id. */
export type HistoryItem = UserEcho | PastReply;

/** Server → client `bot_typing`. */
export interface Typing {
  typing: boolean;
}

/** Server → client `bot_progress`: what a person who waits is told. */
export interface Progress {
  ready: boolean;
  state: 'asleep' | 'waking' | 'awake' | 'draining' | 'quarantined';
  training: { percent: number; stage: string; eta: number | null } | null;
  engineInUse: 'rasa' | 'lite' | 'remote' | null;
  problem: string | null;
}

/** Every event the server sends, with what it carries. */
export interface ServerEvents {
  session_confirm: string;
  session_history: HistoryItem[];
  bot_uttered: unknown;
  user_echo: UserEcho;
  bot_typing: Typing;
  bot_progress: Progress;
}
