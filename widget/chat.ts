/** The chat page of one bot, `/bots/{appId}/chat`: joins the view, the conversation and the line to the hub. */
import type { Appearance, BotUttered, HistoryItem, Progress, UserEcho } from '../connectors/web/protocol.js';
import { createConversation } from './conversation.js';
import { openMemory, type Memory, type Outgoing } from './memory.js';
import { openSession, type Delivery, type Line, type Session } from './session.js';
import { statusOf } from './status.js';
import { paint } from './paint.js';
import { ring } from './sound.js';
import { directionOf, inOwnWords, wordsFor, type Words } from './text.js';
import { createView, type View } from './view.js';

interface BotMeta {
  appId: string;
  name: string;
  language: string;
  /** How its author wants the page to look. */
  appearance: Appearance;
}

/** What the hub wrote into the page. Throws when it wrote nothing readable. */
function botOf(page: Document): BotMeta {
  const content = page.querySelector('meta[name="switchboard-bot"]')?.getAttribute('content') ?? '';
  const { appId, name, language, appearance = {} } = JSON.parse(content) as Partial<BotMeta>;
  if (!appId) throw new Error('The page does not say which bot it is for.');
  return { appId, name: appearance.title ?? (name || appId), language: language ?? 'en', appearance };
}

/** As many characters as the hub takes. */
const longest = 8000;
/** How long the dots stay when no answer and no other word comes. */
const typingMs = 120_000;

class Chat {
  private readonly conversation = createConversation();
  private readonly memory: Memory;
  private readonly view: View;
  private readonly session: Session;
  private readonly words: Words;
  private readonly locale: string;
  private line: Line = 'connecting';
  private progress: Progress | null = null;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private pressed = 0;
  private readonly sound: boolean;

  constructor(bot: BotMeta, query: URLSearchParams) {
    const embedded = query.has('embed') && parent !== window;
    const words = wordsFor([query.get('lang'), ...navigator.languages, bot.language]);
    this.words = inOwnWords(words, bot.appearance.texts);
    this.locale = query.get('lang') ?? navigator.language;
    document.documentElement.lang = this.words.lang;
    document.documentElement.dir = directionOf(query.get('lang'));
    document.documentElement.classList.toggle('embedded', embedded);
    document.title = this.words.chatWith(bot.name);
    if (bot.appearance.color !== undefined) paint(document.documentElement, bot.appearance.color);
    this.sound = bot.appearance.sound === true;
    this.memory = openMemory(location.origin, bot.appId);
    this.view = createView({
      words: this.words,
      botName: bot.name,
      avatar: bot.appearance.avatar,
      embedded,
      say: (text) => this.say({ text, shown: text, payload: false }),
      press: ({ title, payload }) => this.press(title, payload),
      retry: (id) => this.session.retry(id),
      close: () => this.tellParent('close'),
    });
    for (const message of this.memory.outbox) this.show(message);
    this.session = this.connect(bot.appId);
    if (embedded) this.listenToParent();
    // Where focus does not bring up a keyboard over half the screen.
    else if (matchMedia('(hover: hover)').matches) this.view.focus();
  }

  private connect(appId: string): Session {
    const { conversation, memory } = this;
    const draws =
      <T extends unknown[]>(change: (...told: T) => void) =>
      (...told: T): void => {
        change(...told);
        this.draw();
      };
    return openSession({
      locale: this.locale,
      hub: location.origin,
      appId,
      memory,
      complete: () => conversation.complete(),
      on: {
        line: draws((line: Line) => this.drawStatus((this.line = line))),
        progress: (progress) => this.drawStatus(this.line, (this.progress = progress)),
        history: (items) => this.remember(items),
        bot: (message) => this.hear(message),
        echo: draws((item: UserEcho) => conversation.put({ ...item, state: 'sent' })),
        typing: (typing) => this.typing(typing),
        delivery: draws((id: string, state: Delivery) => conversation.mark(id, state)),
      },
    });
  }

  private drawStatus(line = this.line, progress = this.progress): void {
    this.view.status(statusOf(line, progress, this.words), progress?.engineInUse ?? null);
  }

  private remember(items: HistoryItem[]): void {
    this.conversation.merge(items);
    this.draw();
    this.view.settled();
    const last = items.at(-1);
    if (last?.from === 'user' && last.waiting) this.typing(true);
  }

  private draw(): void {
    const { items } = this.conversation;
    const last = [...items].reverse().find((item) => item.from === 'bot');
    this.view.messages(items);
    // Who spoke last in the bot's place; the bot itself has the word again with its next answer.
    this.view.agent(last?.message.agent ?? null);
  }

  private show(message: Outgoing): void {
    const { id, shown, time } = message;
    this.conversation.put({ from: 'user', id, text: shown, time, state: 'pending', waiting: true });
    this.draw();
  }

  private say(what: Pick<Outgoing, 'text' | 'shown' | 'payload'>): void {
    const message = { ...what, id: newId(), time: new Date().toISOString() };
    this.show(message);
    this.session.say(message);
  }

  private press(title: string, payload: string): void {
    // A double click is one press.
    if (Date.now() - this.pressed < 500) return;
    this.pressed = Date.now();
    this.say({ text: payload, shown: title, payload: true });
  }

  private hear(message: BotUttered): void {
    this.typing(false);
    this.conversation.put({ from: 'bot', id: message.message_id ?? newId(), message, time: new Date().toISOString() });
    this.draw();
    if (this.sound && (document.hidden || !document.hasFocus())) ring();
    this.tellParent('reply');
  }

  private typing(typing: boolean): void {
    clearTimeout(this.typingTimer);
    this.view.typing(typing);
    if (typing) this.typingTimer = setTimeout(() => this.view.typing(false), typingMs);
  }

  private tellParent(what: 'close' | 'reply'): void {
    if (parent !== window) parent.postMessage({ switchboard: what }, '*');
  }

  private listenToParent(): void {
    addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.tellParent('close');
    });
    addEventListener('message', (event: MessageEvent<unknown>) => {
      const told = event.data as { switchboard?: unknown; text?: unknown } | null;
      if (event.source !== parent) return;
      if (told?.switchboard === 'focus') this.view.focus();
      if (told?.switchboard === 'say' && typeof told.text === 'string' && told.text.trim() !== '')
        this.say({ text: told.text.slice(0, longest), shown: told.text.slice(0, longest), payload: false });
    });
  }
}

/** 128 random bits. `crypto.randomUUID` is missing on pages that came by plain http. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** In the console's configurator, which is of this origin, the look is the one that is being made there. */
function begin(): void {
  const query = new URLSearchParams(location.search);
  const bot = botOf(document);
  if (!query.has('preview') || parent === window) return void new Chat(bot, query);
  const hear = ({ source, origin, data }: MessageEvent<unknown>): void => {
    const told = data as { switchboard?: unknown; appearance?: Appearance } | null;
    if (source !== parent || origin !== location.origin || told?.switchboard !== 'look') return;
    removeEventListener('message', hear);
    const appearance = told.appearance ?? {};
    new Chat({ ...bot, name: appearance.title ?? bot.name, appearance }, query);
  };
  addEventListener('message', hear);
  parent.postMessage({ switchboard: 'ready' }, location.origin);
}
begin();
