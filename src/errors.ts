/**
 * Every error the hub answers with: one table from code to HTTP status, whether trying again helps, and the sentence a chat user sees.
 * Code throws `new HubError(code, detail)`; http/app.ts is the only place that makes it a response, hub/hub.ts the only one that makes
 * it a chat reply.
 */

interface Row {
  status: number;
  title: string;
  /** May the same request succeed later, unchanged? */
  retry: boolean;
  /** What the person in the chat reads; absent: the generic sentence. */
  chat?: ChatSentence;
}

const table = {
  bad_json: { status: 400, title: 'The body is not JSON', retry: false },
  invalid: { status: 422, title: 'The request does not fit', retry: false },
  unauthorized: { status: 401, title: 'Sign in first', retry: false },
  wrong_password: { status: 401, title: 'That name and password do not fit', retry: false },
  sign_in_failed: { status: 401, title: 'The sign-in failed', retry: false },
  provider_unavailable: { status: 503, title: 'The OpenID provider does not answer', retry: true },
  link_over: { status: 410, title: 'That link was used or is too old', retry: false },
  throttled: { status: 429, title: 'Too many tries', retry: true },
  rate_limited: { status: 429, title: 'Too many requests', retry: true, chat: 'busy' },
  forbidden: { status: 403, title: 'Your role does not allow that', retry: false },
  not_found: { status: 404, title: 'There is no such thing here', retry: false },
  method_not_allowed: { status: 405, title: 'That method does not apply here', retry: false },
  too_large: { status: 413, title: 'The body is too large', retry: false },
  text_too_long: { status: 413, title: 'The text is too long for the bot', retry: false, chat: 'long' },
  fetch_failed: { status: 502, title: 'The file cannot be fetched', retry: true },
  unsupported_type: { status: 415, title: 'That content type is not read here', retry: false },
  user_exists: { status: 409, title: 'There is a user of that name', retry: false },
  bot_exists: { status: 409, title: 'That APP_ID is taken', retry: false },
  template_exists: { status: 409, title: 'There is a template of that name', retry: false },
  template_shipped: { status: 409, title: 'That template is a part of the hub', retry: false },
  version_conflict: { status: 412, title: 'Somebody else changed it first', retry: false },
  job_ended: { status: 409, title: 'That job has ended', retry: false },
  stale_result: { status: 409, title: 'That result comes too late', retry: false },
  nothing_to_train: { status: 422, title: 'There is nothing to train from', retry: false },
  model_active: { status: 409, title: 'That model is the one in use', retry: false },
  model_missing: { status: 409, title: 'The files of that model are gone', retry: false },
  no_model: { status: 409, title: 'The bot has no trained model yet', retry: false, chat: 'learning' },
  bot_quarantined: { status: 503, title: 'The bot keeps failing and was taken out of service', retry: false },
  wake_failed: { status: 503, title: 'The bot could not be started', retry: true },
  turn_failed: { status: 502, title: 'The bot failed on this message', retry: true },
  turn_timeout: { status: 504, title: 'The bot took too long', retry: true },
  node_lost: { status: 503, title: 'The node that had the bot was lost', retry: true },
  mailbox_full: { status: 429, title: 'Too many messages wait in this conversation', retry: true, chat: 'busy' },
  conversation_held: { status: 409, title: 'Somebody else holds that conversation', retry: false },
  not_held: { status: 409, title: 'Nobody holds that conversation', retry: false },
  unreachable: { status: 409, title: 'Nothing can be sent to that person', retry: false },
  moved: { status: 421, title: 'This hub has moved', retry: false },
  moved_unreachable: { status: 503, title: 'The hub that took over does not answer', retry: true },
  stopping: { status: 503, title: 'The hub is shutting down', retry: true },
  store_unavailable: { status: 503, title: 'The store cannot be written', retry: true },
  queue_unavailable: { status: 503, title: 'The training queue cannot be used', retry: true },
  channel_off: { status: 503, title: 'The channel is off', retry: false },
  disk_full: { status: 507, title: 'Too little disk space is left', retry: true },
  internal: { status: 500, title: 'Something went wrong in the hub', retry: true },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof table;
/** One fault of a request: where (JSON pointer, e.g. `/0/Q/1/q`), and what to do. */
export interface Fault {
  pointer: string;
  detail: string;
  /** What it is, and what `detail` quotes, where another language can say it by that. */
  kind?: string;
  quotes?: string[];
}

/** An error with a stable code. `detail` says what to do next and never holds a secret. */
export class HubError extends Error {
  override readonly name = 'HubError';
  constructor(
    readonly code: ErrorCode,
    detail: string,
    readonly options: {
      errors?: Fault[];
      cause?: unknown;
      /** When the same request may succeed, where that is known. */
      afterSeconds?: number;
    } = {},
  ) {
    super(detail, { cause: options.cause });
  }
  get status(): number {
    return table[this.code].status;
  }
  get title(): string {
    return table[this.code].title;
  }
  get retry(): boolean {
    return table[this.code].retry;
  }
}

/** Any thrown value as a HubError; what is not one becomes `internal` with a bland sentence, so that nothing inside leaks out. */
export function hubErrorOf(thrown: unknown): HubError {
  if (thrown instanceof HubError) return thrown;
  return new HubError('internal', 'The hub failed on this request; its log has the reason.', { cause: thrown });
}

/** The error that ended the turn of a settled message, which has it as `code: words`. */
export function hubErrorFrom(words: string | null): HubError {
  const [, code = 'internal', detail = ''] = /^(\w+): ([\s\S]*)$/.exec(words ?? '') ?? [];
  return new HubError(Object.hasOwn(table, code) ? (code as ErrorCode) : 'internal', detail);
}

const sentences = {
  en: {
    learning: 'I am still learning my answers. Please ask me again in a moment.',
    training: 'I am still learning my answers. You get yours as soon as I am ready.',
    busy: 'I am still working on your earlier messages. Please wait a moment.',
    slow: 'Sorry, this takes me longer than usual. Your answer is on its way.',
    long: 'That is too long for me. Please say it in fewer words.',
    failed: 'Sorry, something went wrong on my side. Please try again in a moment.',
  },
  zh: {
    learning: '我还在学习答案，请稍后再问我一次。',
    training: '我还在学习答案，准备好后马上回复您。',
    busy: '我还在处理您之前的消息，请稍等片刻。',
    slow: '抱歉，这次需要的时间比平时长，我会尽快回复您。',
    long: '这段话对我来说太长了，请简短一些再发给我。',
    failed: '抱歉，我这边出了点问题，请稍后再试。',
  },
};
/** A sentence of the hub's own in a chat. */
export type ChatSentence = keyof (typeof sentences)['en'];

/** Which sentence the person in the chat reads when a turn ends in `error`. */
export function chatSentenceOf(error: HubError): ChatSentence {
  const row: Row = table[error.code];
  return row.chat ?? 'failed';
}

/** The sentence in the user's language, as far as we have words: what the user `said` shows it by its script, else it is the bot's. */
export function chatSentence(sentence: ChatSentence, user: { said: string; language: string }): string {
  const han = /\p{Script=Han}/u.test(user.said);
  const chinese = han || (user.language.startsWith('zh') && !/\p{Script=Latin}{2}/u.test(user.said));
  return (chinese ? sentences.zh : sentences.en)[sentence];
}

/** All codes with status and title, for the API document. */
export function errorTable(): { code: ErrorCode; status: number; title: string; retry: boolean }[] {
  return Object.entries(table).map(([code, { status, title, retry }]) => ({
    code: code as ErrorCode,
    status,
    title,
    retry,
  }));
}
