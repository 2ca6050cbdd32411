/** The page: header, status line, messages, composer. Draws what it is given and says what the person did; decides nothing. */
import type { Progress } from '../connectors/web/protocol.js';
import { bubble, type BubbleOptions } from './bubble.js';
import { createComposer, type Composer } from './composer.js';
import type { Item } from './conversation.js';
import { el, icon } from './dom.js';
import type { Status } from './status.js';
import type { Words } from './text.js';

export interface ViewOptions {
  words: Words;
  botName: string;
  /** Address of a picture; absent: the first letter of the name. */
  avatar: string | undefined;
  /** Inside the frame of another page: there is a close button. */
  embedded: boolean;
  say: (text: string) => void;
  press: (button: { title: string; payload: string }) => void;
  retry: (id: string) => void;
  close: () => void;
}
export interface View {
  /** Draws the messages; those drawn before and unchanged stay as they are. */
  messages(items: readonly Item[]): void;
  status(status: Status, engine: Progress['engineInUse']): void;
  typing(typing: boolean): void;
  /** Who speaks in the bot's place; null: the bot itself. */
  agent(name: string | null): void;
  /** The conversation as it was is complete: from now on new messages are announced. */
  settled(): void;
  focus(): void;
}

const initialOf = (name: string): string => Array.from(name.trim())[0]?.toUpperCase() ?? '·';
const minuteOf = (item: Item): string => item.from + item.time.slice(0, 16);

class Page implements View {
  private readonly log = el('div', {
    class: 'log',
    role: 'log',
    'aria-live': 'polite',
    'aria-busy': 'true',
    tabindex: '0',
  });
  private readonly welcome;
  private readonly dots = el(
    'div',
    { class: 'typing', 'aria-hidden': 'true', hidden: true },
    el('i'),
    el('i'),
    el('i'),
  );
  private readonly banner = el('div', { class: 'banner', hidden: true });
  private readonly state = el('p', { class: 'state-line' });
  private readonly person = el('p', { class: 'person', hidden: true });
  private readonly announcer = el('div', { class: 'sr', role: 'status' });
  private readonly newest;
  private readonly composer: Composer;
  private readonly drawn = new Map<string, { item: Item; online: boolean; element: HTMLElement }>();
  private readonly bubbles: BubbleOptions;
  private online = false;
  private pinned = true;
  private told = '';

  constructor(private readonly options: ViewOptions) {
    const { words, botName, press, retry } = options;
    this.bubbles = { words, botName, press, retry };
    this.welcome = el(
      'div',
      { class: 'welcome' },
      this.avatar(),
      el('h2', {}, words.hello(botName)),
      el('p', {}, words.start),
    );
    this.newest = el('button', { type: 'button', class: 'newest', hidden: true }, icon('down'), words.newest);
    this.composer = createComposer({ words, say: (text) => this.say(text) });
    this.log.setAttribute('aria-label', words.chatWith(botName));
    this.log.append(this.welcome, this.dots);
    document.body.append(this.shell());
    this.newest.addEventListener('click', () => this.toEnd(true));
    this.keepPlace();
  }

  messages(items: readonly Item[]): void {
    const grew = items.some((item) => item.from === 'bot' && !this.drawn.has(item.id));
    this.welcome.hidden = items.length > 0;
    this.forget(new Set(items.map((item) => item.id)));
    let before: Element = this.welcome;
    items.forEach((item, index) => {
      const element = this.draw(item);
      // Times stand once per minute and speaker.
      const after = items[index + 1];
      element.classList.toggle('joined', after !== undefined && minuteOf(after) === minuteOf(item));
      if (before.nextElementSibling !== element) before.after(element);
      before = element;
    });
    if (this.pinned) this.toEnd();
    else if (grew) this.newest.hidden = false;
  }

  status(status: Status, engine: Progress['engineInUse']): void {
    const { words } = this.options;
    this.online = status.online;
    document.body.dataset['tone'] = status.tone;
    const short = status.tone === 'ready' && engine ? `${words.ready} · ${words.engine[engine]}` : status.text;
    this.state.textContent = status.tone === 'ready' ? short : '';
    this.banner.hidden = status.tone === 'ready';
    this.banner.replaceChildren(...(this.banner.hidden ? [] : bannerParts(status, words)));
    this.announce(status);
  }

  typing(typing: boolean): void {
    if (this.dots.hidden !== typing) return;
    this.dots.hidden = !typing;
    this.announcer.textContent = typing ? this.options.words.typing(this.options.botName) : '';
    if (this.pinned) this.toEnd();
  }

  agent(name: string | null): void {
    const words = name === null ? '' : this.options.words.withAgent(name);
    if (this.person.textContent === words) return;
    this.person.textContent = words;
    this.person.hidden = name === null;
    if (name !== null) this.announcer.textContent = words;
  }

  settled(): void {
    // After the browser has seen the old messages, or a screen reader reads them all out.
    requestAnimationFrame(() => this.log.setAttribute('aria-busy', 'false'));
  }

  focus(): void {
    this.composer.focus();
  }

  private shell(): HTMLElement {
    const { words, botName, embedded, close } = this.options;
    const title = el('div', { class: 'title' }, el('h1', {}, botName), this.state);
    const header = el('header', {}, this.avatar(), title);
    if (embedded) {
      const button = el(
        'button',
        { type: 'button', class: 'close', 'aria-label': words.close, title: words.close },
        icon('close'),
      );
      button.addEventListener('click', close);
      header.append(button);
    }
    const middle = el('div', { class: 'middle' }, this.log, this.newest);
    return el(
      'main',
      { class: 'chat' },
      header,
      this.person,
      this.banner,
      middle,
      this.composer.element,
      this.announcer,
    );
  }

  private avatar(): HTMLElement {
    const { avatar, botName } = this.options;
    const frame = el('div', { class: 'avatar', 'aria-hidden': 'true' }, initialOf(botName));
    if (avatar === undefined) return frame;
    const picture = el('img', { src: avatar, alt: '', referrerpolicy: 'no-referrer' });
    // The letter stays where the picture does not come.
    picture.addEventListener('load', () => frame.replaceChildren(picture));
    return frame;
  }

  private say(text: string): void {
    this.options.say(text);
    this.toEnd();
  }

  private draw(item: Item): HTMLElement {
    const known = this.drawn.get(item.id);
    const pending = item.from === 'user' && item.state === 'pending';
    const same = known && JSON.stringify(known.item) === JSON.stringify(item);
    if (same && (!pending || known.online === this.online)) return known.element;
    const element = bubble(item, this.bubbles, this.online);
    known?.element.replaceWith(element);
    this.drawn.set(item.id, { item, online: this.online, element });
    return element;
  }

  private forget(kept: Set<string>): void {
    for (const [id, { element }] of this.drawn) {
      if (kept.has(id)) continue;
      element.remove();
      this.drawn.delete(id);
    }
  }

  /** Whoever reads the end stays there when it grows; whoever reads further up is left in peace. */
  private keepPlace(): void {
    const stay = (): void => {
      if (this.pinned) this.toEnd();
    };
    const look = (): void => {
      const { scrollTop, scrollHeight, clientHeight } = this.log;
      this.pinned = scrollHeight - scrollTop - clientHeight < 48;
      if (this.pinned) this.newest.hidden = true;
    };
    this.log.addEventListener('scroll', look, { passive: true });
    // A picture has no height before it is here; `load` does not bubble.
    this.log.addEventListener('load', stay, true);
    new ResizeObserver(stay).observe(this.log);
  }

  private toEnd(smoothly = false): void {
    this.pinned = true;
    this.newest.hidden = true;
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.log.scrollTo({ top: this.log.scrollHeight, behavior: smoothly && !calm ? 'smooth' : 'auto' });
  }

  /** Once per kind of status, not once per second of a training. */
  private announce(status: Status): void {
    const kind = status.percent === null ? status.text : `training ${Math.floor(status.percent / 25)}`;
    if (kind === this.told) return;
    this.told = kind;
    this.announcer.textContent = status.text;
  }
}

function bannerParts(status: Status, words: Words): Node[] {
  const line = el('p', {}, el('span', { class: 'pulse', 'aria-hidden': 'true' }), el('span', {}, status.text));
  if (status.percent === null) return [line];
  const bar = el('progress', { max: '100', value: String(status.percent), 'aria-label': words.trainingBar });
  return [line, bar, ...(status.detail ? [el('p', { class: 'detail' }, status.detail)] : [])];
}

/** Builds the page into the body. */
export const createView = (options: ViewOptions): View => new Page(options);
