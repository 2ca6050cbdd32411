/**
 * Conversations that people hold. A bot that is held is silent on every channel: the hub asks here before each turn. What the person and
 * the agent say meanwhile stands in the bot's tracker, so that it knows of it when it is given the conversation back.
 */
import type {
  AnswerPart,
  At,
  BotMessage,
  Care,
  CareChange,
  Desk,
  DeskSettings,
  Hub,
  Json,
  LoggedConversation,
  NewsListener,
  Store,
  StoredMessage,
} from '../contracts.js';
import { within } from '../deadline.js';
import { HubError } from '../errors.js';
import type { Log } from '../log.js';
import type { Chronicle } from './chronicle.js';
import type { Connections } from './connections.js';
import type { Outbox } from './outbox.js';

/** The desk as the hub needs it, beside what agents do. */
export interface HubDesk extends Desk {
  /** Does a person hold the conversation, or is one waited for? */
  holds(at: At): boolean;
  /** Gives a message that came meanwhile its place in the tracker; answers who holds it, '' while nobody does. */
  heard(message: StoredMessage): Promise<string>;
  /** The bot calls for a person: from now on it is silent. */
  called(at: At): Promise<void>;
  /** Drops what is known of a conversation that is being erased, or of all of a bot. */
  forget(appId: string, conversation?: string): void;
  /** Reads who holds what from the store: what an earlier run of the hub left, before any message is taken up, and what other hubs changed. */
  recover(): Promise<void>;
  /** As `recover`, of one conversation. False: there is no such conversation (any more). */
  refresh(at: At): Promise<boolean>;
  stop(): void;
}
export interface DeskOptions {
  store: Pick<Store, 'bots' | 'care' | 'conversations' | 'trackers' | 'documents'>;
  hub: Pick<Hub, 'aside'>;
  outbox: Pick<Outbox, 'say' | 'settled'>;
  connections: Pick<Connections, 'reaches'>;
  log: Log;
  /** Says whether the events of bots that keep none here are wanted all the same. */
  chronicle?: Pick<Chronicle, 'wanted'>;
  /** Hears of every conversation whose care changes. */
  tell?: NewsListener;
  /** Has this hub the conversation, and gives it back when its time is over? Absent: it has all. */
  mine?: ((at: At) => boolean) | undefined;
  /** Milliseconds since 1970; the machine's clock when absent. */
  now?: () => number;
  /** Between two looks for conversations whose time is over. */
  lookMs?: number;
}
/** The document that has a bot's settings. */
const deskDocument = 'desk';
const defaultSettings: DeskSettings = { waitMinutes: 15, returnMinutes: 30, canned: [] };
const defaultLookMs = 5000;
/** How long an agent waits for what the bot has said already to leave. */
const lastWordsMs = 5000;
const minuteMs = 60_000;
const free: Pick<Care, 'state' | 'since' | 'returnAt' | 'agent'> = {
  ...{ state: 'bot', since: null, returnAt: null, agent: null },
};

class StoredDesk implements HubDesk {
  /** Conversations that wait or are held. */
  private readonly active = new Map<string, { at: At; care: Care }>();
  /** Counts the changes that were made here: what was read before one is not news. */
  private changes = 0;
  private readonly timer;
  private readonly now;

  constructor(private readonly options: DeskOptions) {
    this.now = options.now ?? Date.now;
    this.timer = setInterval(() => void this.look(), options.lookMs ?? defaultLookMs).unref();
  }

  holds(at: At): boolean {
    return this.active.has(keyOf(at));
  }

  async heard(message: StoredMessage): Promise<string> {
    const { id, text, channel, metadata } = message;
    const parse_data = { intent: { name: null, confidence: 0 }, entities: [], text };
    const said = { text, parse_data, input_channel: channel, message_id: id, metadata };
    await this.note(message, [{ event: 'user', ...said }]);
    return this.active.get(keyOf(message))?.care.agent ?? '';
  }

  async called(at: At): Promise<void> {
    if (this.holds(at)) return;
    const { waitMinutes } = await this.settings(at.appId);
    await this.hold(at, { ...free, state: 'waiting', ...this.span(waitMinutes) });
    await this.note(at, [{ event: 'pause' }]);
    this.options.log.info({ appId: at.appId }, 'a bot calls for a person');
  }

  async take(
    at: At,
    { agent, force = false, minutes }: { agent: string; force?: boolean | undefined; minutes?: number | undefined },
  ): Promise<LoggedConversation> {
    const present = this.active.get(keyOf(at))?.care;
    if (present?.state === 'held' && present.agent !== agent && !force) throw heldError(present);
    const span = this.span(minutes ?? (await this.settings(at.appId)).returnMinutes);
    const since = present?.agent === agent ? present.since : span.since;
    // At once: turns that wait are not the bot's any more. One that runs is waited for below, with what it says.
    const taken = await this.hold(at, { state: 'held', agent, since, returnAt: span.returnAt });
    await this.options.hub.aside(at, () => (present ? Promise.resolve() : this.note(at, [{ event: 'pause' }])));
    await within(this.options.outbox.settled(at.appId, at.conversation), lastWordsMs);
    return taken;
  }

  async release(at: At, { slots = {} }: { slots?: Json | undefined } = {}): Promise<LoggedConversation> {
    this.heldBy(at);
    const told = Object.entries(slots).map(([name, value]) => ({ event: 'slot', name, value }));
    return foundOf(await this.giveBack(at, told));
  }

  async say(at: At, words: AnswerPart, { agent, key }: { agent: string; key: string }): Promise<BotMessage> {
    const care = this.heldBy(at);
    if (care.agent !== agent) throw care.agent === null ? notHeldError() : heldError(care);
    const said = await this.options.hub.aside(at, () => this.post(at, words, { agent, key }));
    const { returnMinutes } = await this.settings(at.appId);
    if (this.holds(at)) await this.hold(at, { returnAt: this.span(returnMinutes).returnAt });
    return said;
  }

  async settings(appId: string): Promise<DeskSettings> {
    return { ...defaultSettings, ...(await this.options.store.documents.get(appId, deskDocument)) };
  }

  setSettings(appId: string, settings: DeskSettings): Promise<void> {
    return this.options.store.documents.put(appId, deskDocument, { ...settings });
  }

  forget(appId: string, conversation?: string): void {
    for (const [key, { at }] of this.active) {
      if (at.appId === appId && (conversation ?? at.conversation) === at.conversation) this.active.delete(key);
    }
  }

  async recover(): Promise<void> {
    let { changes } = this;
    let active = await this.options.store.care.active();
    for (; changes !== this.changes; active = await this.options.store.care.active()) ({ changes } = this);
    this.active.clear();
    for (const { care, ...at } of active) this.active.set(keyOf(at), { at, care });
  }

  async refresh({ appId, conversation }: At): Promise<boolean> {
    let { changes } = this;
    let found = await this.options.store.care.get(appId, conversation);
    for (; changes !== this.changes; found = await this.options.store.care.get(appId, conversation))
      ({ changes } = this);
    const at = { appId, conversation };
    if (found && found.care.state !== 'bot') this.active.set(keyOf(at), { at, care: found.care });
    else this.active.delete(keyOf(at));
    return found !== null;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Puts the agent's words into the outbox, behind the newest message, and into the tracker. Called in the conversation's turn. */
  private async post(at: At, words: AnswerPart, by: { agent: string; key: string }): Promise<BotMessage> {
    const { store, connections, outbox } = this.options;
    const [message] = await store.conversations.latest(at.appId, at.conversation, 1);
    if (!message) throw missingError();
    const before = message.replies.find(({ metadata }) => metadata?.key === by.key);
    if (before) return before;
    if (!connections.reaches(message)) throw unreachableError(message.channel);
    const metadata = { ...by, at: new Date(this.now()).toISOString() };
    const reply: BotMessage = { recipient_id: at.conversation, ...given(words), metadata };
    const change = { replies: [...message.replies, reply], delivered: false };
    await outbox.say(message, change, { send: [reply] });
    const { text = null, ...data } = given(words);
    await this.note(at, [{ event: 'agent', text, data, metadata: { agent: by.agent } }]);
    return reply;
  }

  /** Writes down who speaks, here first: no turn begins in between. Takes it back when it can't be stored. */
  private async hold(at: At, change: CareChange): Promise<LoggedConversation> {
    const key = keyOf(at);
    const before = this.active.get(key);
    this.changes += 1;
    const untouched = { ...free, assignee: null, review: 'unread' as const, tags: [], notes: [] };
    this.active.set(key, { at, care: { ...(before?.care ?? untouched), ...change } });
    try {
      const { appId, conversation } = at;
      const stored = foundOf(await this.options.store.care.change(appId, conversation, change));
      if (this.active.has(key)) this.active.set(key, { at, care: stored.care });
      this.options.tell?.(at, 'care');
      return stored;
    } catch (error) {
      if (before) this.active.set(key, before);
      else this.active.delete(key);
      throw error;
    } finally {
      this.changes += 1;
    }
  }

  /** Adds events to the tracker of a bot whose tracker is ours, and of others where somebody wants them. */
  private async note({ appId, conversation }: At, events: Json[]): Promise<void> {
    const bot = await this.options.store.bots.get(appId);
    if (bot?.engine !== 'rasa' && !(bot && this.options.chronicle?.wanted())) return;
    const timestamp = this.now() / 1000;
    const stamped = events.map(({ event, ...rest }) => ({ event, timestamp, ...rest }));
    await this.options.store.trackers.extend(appId, conversation, stamped);
  }

  private heldBy(at: At): Care {
    const care = this.active.get(keyOf(at))?.care;
    if (!care) throw notHeldError();
    return care;
  }

  private span(minutes: number): Pick<Care, 'since' | 'returnAt'> {
    const now = this.now();
    return { since: new Date(now).toISOString(), returnAt: new Date(now + minutes * minuteMs).toISOString() };
  }

  /** Null when the conversation has gone. `due`: is it to be given back still, when its turn has come? */
  private giveBack(at: At, told: Json[], due = (_: Care): boolean => true): Promise<LoggedConversation | null> {
    return this.options.hub.aside(at, async () => {
      if (!due(this.heldBy(at))) throw notHeldError();
      await this.note(at, [{ event: 'resume' }, ...told]);
      const released = await this.options.store.care.change(at.appId, at.conversation, free);
      this.active.delete(keyOf(at));
      this.changes += 1;
      this.options.tell?.(at, 'care');
      return released;
    });
  }

  /** Gives the bot back what was left alone for too long. */
  private async look(): Promise<void> {
    const now = new Date(this.now()).toISOString();
    const due = ({ returnAt }: Care): boolean => returnAt !== null && returnAt <= now;
    const own = ({ at }: { at: At }): boolean => this.options.mine?.(at) ?? true;
    for (const { at, care } of [...this.active.values()].filter((one) => due(one.care) && own(one))) {
      try {
        await this.giveBack(at, [], due);
        this.options.log.info({ appId: at.appId, was: care.state }, 'a bot takes its conversation back');
      } catch (error) {
        if (error instanceof HubError && error.code === 'not_held') continue;
        this.options.log.warn({ appId: at.appId, err: error }, 'a conversation could not be given back yet');
      }
    }
  }
}

const keyOf = ({ appId, conversation }: At): string => `${appId} ${conversation}`;
const given = ({ text, image, buttons }: AnswerPart): Pick<BotMessage, 'text' | 'image' | 'buttons'> => ({
  ...(text !== undefined && { text }),
  ...(image !== undefined && { image }),
  ...(buttons !== undefined && { buttons }),
});
const missingError = (): HubError =>
  new HubError('not_found', 'There is no such conversation: take its id from the list of conversations.');
const notHeldError = (): HubError =>
  new HubError('not_held', 'Nobody holds this conversation: take it over first (POST …/takeover).');
const heldError = ({ agent }: Care): HubError =>
  new HubError(
    'conversation_held',
    `${agent ?? 'Somebody'} holds this conversation; wait until it is released, or take it over with "force": true.`,
  );
const unreachableError = (channel: string): HubError =>
  new HubError('unreachable', `People on the channel ${channel} read only what answers their own request.`);

function foundOf(conversation: LoggedConversation | null): LoggedConversation {
  if (!conversation) throw missingError();
  return conversation;
}

/** An empty desk; `recover` brings what was held before. */
export const createDesk = (options: DeskOptions): HubDesk => new StoredDesk(options);
