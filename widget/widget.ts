/**
 * The loader that other sites embed: `<script src="https://hub/widget.js" data-app-id="..."></script>` puts a round button into a corner
 * and the chat page of that bot into a frame above it. How it looks is set in the console, or by `data-lang`, `data-position` (`left`, `right`),
 * `data-title`, `data-color`, `data-greeting` and `data-greeting-seconds`, which count for more. The page around it may use
 * `window.Switchboard`: docs/widget.md. It reads nothing from that page and writes only its own element, styled apart from the page in
 * a shadow tree.
 */
import { inkOn } from './paint.js';

const styles = `
:host { all: initial; position: fixed; z-index: 2147483000; bottom: 20px; right: 20px; }
:host([data-position=left]) { right: auto; left: 20px; }
button { all: unset; box-sizing: border-box; width: 58px; height: 58px; border-radius: 50%; cursor: pointer; display: grid; place-items: center;
  background: var(--accent, #3f51d6); color: var(--on-accent, #fff); box-shadow: 0 6px 24px #1b22504d; transition: transform .2s, background .2s; position: relative; }
button:hover { filter: brightness(.9); transform: translateY(-1px); }
button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px var(--accent, #3f51d6); }
svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
i { position: absolute; top: -3px; right: -3px; min-width: 22px; height: 22px; padding: 0 5px; border-radius: 11px; background: #c62a2f; color: #fff;
  border: 2px solid #fff; box-sizing: border-box; font: 600 12px/18px system-ui, sans-serif; text-align: center; }
p { position: absolute; bottom: 72px; right: 0; width: max-content; max-width: min(260px, calc(100vw - 60px)); margin: 0; display: flex; gap: 4px; align-items: start;
  background: Canvas; color: CanvasText; color-scheme: light dark; border-radius: 16px; box-shadow: 0 6px 24px #1b225033; font: 15px/1.4 system-ui, sans-serif; animation: in .22s ease-out; }
:host([data-position=left]) p { right: auto; left: 0; }
p button { all: unset; cursor: pointer; padding: 10px 6px 10px 14px; overflow-wrap: anywhere; color: inherit; }
p button + button { padding: 10px 12px 10px 4px; }
p button:focus-visible { outline: 2px solid var(--accent, #3f51d6); border-radius: 12px; box-shadow: none; }
div { position: absolute; bottom: 74px; right: 0; width: 392px; max-width: calc(100vw - 40px); height: min(640px, calc(100vh - 114px));
  border-radius: 20px; overflow: hidden; background: Canvas; box-shadow: 0 18px 60px #0d112b47, 0 2px 8px #0d112b1f; color-scheme: light dark; animation: in .22s ease-out; }
:host([data-position=left]) div { right: auto; left: 0; }
iframe { width: 100%; height: 100%; border: 0; display: block; }
[hidden] { display: none !important; }
@keyframes in { from { opacity: 0; transform: translateY(10px) scale(.98); } }
@media (max-width: 480px), (max-height: 420px) {
  div { position: fixed; inset: 0 !important; width: 100%; max-width: none; height: 100%; border-radius: 0; }
  :host([data-open]) button { display: none; }
}
@media (prefers-reduced-motion: reduce) { button, div, p { transition: none; animation: none; } }
`;

const titles = {
  en: ['Open the chat', 'Close the chat', 'Chat', 'unread', 'Dismiss'],
  zh: ['打开聊天', '关闭聊天', '聊天', '条未读', '忽略'],
} as const;
const greetAfter = 3;
/** How long the button waits to learn how it looks, so that it does not change its colour before one's eyes. */
const patienceMs = 1500;

const make = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

function drawing(path: string): SVGSVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(space, 'path'));
  svg.firstElementChild?.setAttribute('d', path);
  return svg;
}

function styled(root: ShadowRoot): void {
  // A sheet object passes a page's Content-Security-Policy that forbids inline styles.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
}

/** What the hub says of a bot's widget, and a script tag may say otherwise. */
interface Look {
  enabled?: boolean;
  title?: string | undefined;
  color?: string | undefined;
  position?: string | undefined;
  greeting?: string | undefined;
  greetingSeconds?: number | undefined;
}
interface Settings extends Look {
  /** Origin of the hub. */
  hub: string;
  appId: string;
  lang: string | undefined;
}
type EventName = 'open' | 'close' | 'message' | 'unread';

/** What other scripts of the page have: `window.Switchboard`. */
interface Face {
  open(): void;
  close(): void;
  toggle(): void;
  /** Opens the chat and says it in the person's name. */
  say(text: string): void;
  /** Calls back after `open`, `close`, `message` and `unread`; answers the way to stop it. */
  on(name: EventName, listener: (unread: number) => void): () => void;
  readonly isOpen: boolean;
  readonly unread: number;
}

/** A browser that forbids storage forgets. */
function remembered(storage: () => Storage, key: string, value?: string): string | null {
  try {
    if (value !== undefined) storage().setItem(key, value);
    return storage().getItem(key);
  } catch {
    return null;
  }
}

class Launcher {
  private readonly host: HTMLElement;
  private readonly button = make('button', { type: 'button', 'aria-expanded': 'false', 'aria-controls': 'panel' });
  private readonly panel = make('div', { id: 'panel', role: 'dialog', hidden: '' });
  private readonly badge = make('i', { 'aria-hidden': 'true', hidden: '' });
  private readonly words;
  private readonly listeners = new Set<{ name: EventName; call: (unread: number) => void }>();
  private readonly key: string;
  private frame: HTMLIFrameElement | null = null;
  private greeting: HTMLElement | null = null;
  /** Said before the frame could hear it. */
  private waiting: string[] = [];
  private loaded = false;
  private unread = 0;

  constructor(private readonly settings: Settings) {
    const { appId, color, position = 'right', greeting, greetingSeconds = greetAfter } = settings;
    this.key = `switchboard:${appId}`;
    const lang = settings.lang ?? navigator.language;
    this.words = lang.toLowerCase().startsWith('zh') ? titles.zh : titles.en;
    this.host = make('div', { 'data-switchboard': appId, 'data-position': position });
    const root = this.host.attachShadow({ mode: 'open' });
    styled(root);
    if (color !== undefined && /^#[\da-f]{6}$/i.test(color)) {
      this.host.style.setProperty('--accent', color);
      this.host.style.setProperty('--on-accent', inkOn(color));
    }
    this.panel.setAttribute('aria-label', settings.title ?? this.words[2]);
    root.append(this.button, this.panel);
    this.button.addEventListener('click', () => this.toggle(!this.isOpen));
    this.host.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.toggle(false);
    });
    addEventListener('message', (event: MessageEvent<unknown>) => this.hear(event));
    this.draw();
    document.body.append(this.host);
    // Who has talked here before hears of answers that come later.
    if (remembered(() => localStorage, this.key) === '1') this.load();
    else if (greeting !== undefined && remembered(() => sessionStorage, this.key) === null)
      setTimeout(() => this.greet(greeting), greetingSeconds * 1000);
  }

  /** Without `this`: pages may hand the functions on. */
  face(): Face {
    const state = { isOpen: () => this.isOpen, unread: () => this.unread };
    return {
      open: () => this.toggle(true),
      close: () => this.toggle(false),
      toggle: () => this.toggle(!this.isOpen),
      say: (text) => this.say(text),
      on: (name, call) => {
        const listener = { name, call };
        this.listeners.add(listener);
        return () => void this.listeners.delete(listener);
      },
      get isOpen() {
        return state.isOpen();
      },
      get unread() {
        return state.unread();
      },
    };
  }

  private get isOpen(): boolean {
    return !this.panel.hidden;
  }

  private toggle(open: boolean): void {
    if (open === this.isOpen) return;
    this.panel.hidden = !open;
    if (open) {
      this.greet(null);
      this.count(0);
      remembered(() => localStorage, this.key, '1');
    }
    this.draw();
    if (open) this.enter();
    else this.button.focus();
    this.tell(open ? 'open' : 'close');
  }

  private draw(): void {
    const open = this.isOpen;
    const label = open ? this.words[1] : (this.settings.title ?? this.words[0]);
    this.host.toggleAttribute('data-open', open);
    this.button.setAttribute('aria-expanded', String(open));
    this.button.setAttribute('aria-label', this.unread > 0 ? `${label} (${this.unread} ${this.words[3]})` : label);
    const path = open ? 'M6 9l6 6 6-6' : 'M4 12a8 8 0 1 1 3.4 6.5L3.5 20l1.3-3.6A8 8 0 0 1 4 12z';
    this.button.replaceChildren(drawing(path), this.badge);
  }

  private enter(): void {
    this.load();
    this.focusFrame();
  }

  /** The frame is loaded when it is first wanted: a page that embeds the button pays for the button only. */
  private load(): void {
    if (this.frame) return;
    const { hub, appId, lang, title } = this.settings;
    const query = new URLSearchParams({ embed: '1', ...(lang ? { lang } : {}) });
    const frame = make('iframe', {
      src: `${hub}/bots/${encodeURIComponent(appId)}/chat?${query.toString()}`,
      title: title ?? this.words[2],
    });
    this.frame = frame;
    frame.addEventListener('load', () => {
      this.loaded = true;
      for (const text of this.waiting.splice(0)) this.post({ switchboard: 'say', text });
      this.focusFrame();
    });
    this.panel.append(frame);
  }

  private say(text: string): void {
    this.toggle(true);
    if (this.loaded) this.post({ switchboard: 'say', text });
    else this.waiting.push(text);
  }

  private post(what: object): void {
    this.frame?.contentWindow?.postMessage(what, this.settings.hub);
  }

  private focusFrame(): void {
    if (!this.isOpen) return;
    this.frame?.focus();
    this.post({ switchboard: 'focus' });
  }

  /** What the button says unasked, once a visit; null: no more. */
  private greet(text: string | null): void {
    this.greeting?.remove();
    this.greeting = null;
    remembered(() => sessionStorage, this.key, '1');
    if (text === null || this.isOpen) return;
    const [open, dismiss] = [
      make('button', { type: 'button' }),
      make('button', { type: 'button', 'aria-label': this.words[4] }),
    ];
    open.textContent = text;
    dismiss.textContent = '×';
    open.addEventListener('click', () => this.toggle(true));
    dismiss.addEventListener('click', () => {
      this.greet(null);
      this.button.focus();
    });
    this.greeting = make('p', { role: 'status' });
    this.greeting.append(open, dismiss);
    this.host.shadowRoot?.append(this.greeting);
  }

  private count(unread: number): void {
    if (unread === this.unread) return;
    this.unread = unread;
    this.badge.hidden = unread === 0;
    this.badge.textContent = unread > 99 ? '99+' : String(unread);
    this.draw();
    this.tell('unread');
  }

  private tell(name: EventName): void {
    for (const listener of this.listeners) if (listener.name === name) listener.call(this.unread);
    dispatchEvent(
      new CustomEvent(`switchboard:${name}`, { detail: { appId: this.settings.appId, unread: this.unread } }),
    );
  }

  /** Only our own frame is listened to. */
  private hear(event: MessageEvent<unknown>): void {
    if (!this.frame || event.source !== this.frame.contentWindow || event.origin !== this.settings.hub) return;
    const what = (event.data as { switchboard?: unknown } | null)?.switchboard;
    if (what === 'close') this.toggle(false);
    if (what !== 'reply') return;
    if (!this.isOpen) this.count(this.unread + 1);
    this.tell('message');
  }
}

/** How the bot's author wants it; a page whose policy forbids to ask, or a hub that does not answer in time, leaves it to the script tag. */
async function lookOf(hub: string, appId: string): Promise<Look> {
  try {
    const answer = await fetch(`${hub}/bots/${encodeURIComponent(appId)}/appearance`, {
      credentials: 'omit',
      signal: AbortSignal.timeout(patienceMs),
    });
    return answer.ok ? ((await answer.json()) as Look) : {};
  } catch {
    return {};
  }
}

/** What the tag says; what it does not say is left out. */
function saidBy({ dataset: { title, color, position, greeting, greetingSeconds } }: HTMLScriptElement): Look {
  const said = { title, color, position, greeting, greetingSeconds: greetingSeconds && Number(greetingSeconds) };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

async function start(script: HTMLScriptElement): Promise<void> {
  const { appId, lang } = script.dataset;
  if (!appId) {
    // eslint-disable-next-line no-console -- the one word to whoever pasted the tag
    console.error('Switchboard: the script tag needs data-app-id="…".');
    return;
  }
  // Before anything is waited for, so that of several tags the first one counts.
  const begun = ((window as { SwitchboardBots?: Set<string> }).SwitchboardBots ??= new Set());
  if (begun.has(appId)) return;
  begun.add(appId);
  const hub = new URL(script.src).origin;
  const look = { ...(await lookOf(hub, appId)), ...saidBy(script) };
  if (look.enabled === false) return;
  const face = new Launcher({ ...look, hub, appId, lang }).face();
  const page = window as { Switchboard?: Face };
  page.Switchboard ??= face;
  dispatchEvent(new CustomEvent('switchboard:ready', { detail: { appId, widget: face } }));
}

const tag = document.currentScript;
if (tag instanceof HTMLScriptElement) {
  // A script in the head runs before there is a body.
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', () => void start(tag));
  else void start(tag);
}
