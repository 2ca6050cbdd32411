/**
 * The loader that other sites embed: `<script src="https://hub/widget.js" data-app-id="..."></script>` puts a round button into a corner
 * and the chat page of that bot into a frame above it. `data-lang` (`en`, `zh`), `data-position` (`left`, `right`), `data-title`.
 * It reads nothing from the page around it and writes only its own element, styled apart from the page in a shadow tree.
 */

const styles = `
:host { all: initial; position: fixed; z-index: 2147483000; bottom: 20px; right: 20px; }
:host([data-position=left]) { right: auto; left: 20px; }
button { all: unset; box-sizing: border-box; width: 58px; height: 58px; border-radius: 50%; cursor: pointer; display: grid; place-items: center;
  background: #3f51d6; color: #fff; box-shadow: 0 6px 24px #1b22504d; transition: transform .2s, background .2s; position: relative; }
button:hover { background: #3444bd; transform: translateY(-1px); }
button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #3f51d6; }
svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
i { position: absolute; top: 2px; right: 2px; width: 14px; height: 14px; border-radius: 50%; background: #e5484d; border: 2px solid #fff; box-sizing: border-box; }
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
@media (prefers-reduced-motion: reduce) { button, div { transition: none; animation: none; } }
`;

const titles = { en: ['Open the chat', 'Close the chat', 'Chat'], zh: ['打开聊天', '关闭聊天', '聊天'] } as const;

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

interface Settings {
  /** Origin of the hub. */
  hub: string;
  appId: string;
  lang: string | undefined;
  title: string | undefined;
  position: string;
}

class Launcher {
  private readonly host: HTMLElement;
  private readonly button = make('button', { type: 'button', 'aria-expanded': 'false', 'aria-controls': 'panel' });
  private readonly panel = make('div', { id: 'panel', role: 'dialog', hidden: '' });
  private readonly badge = make('i', { hidden: '' });
  private readonly words;
  private frame: HTMLIFrameElement | null = null;

  constructor(private readonly settings: Settings) {
    const lang = settings.lang ?? navigator.language;
    this.words = lang.toLowerCase().startsWith('zh') ? titles.zh : titles.en;
    this.host = make('div', { 'data-switchboard': settings.appId, 'data-position': settings.position });
    const root = this.host.attachShadow({ mode: 'open' });
    styled(root);
    this.panel.setAttribute('aria-label', settings.title ?? this.words[2]);
    root.append(this.button, this.panel);
    this.button.addEventListener('click', () => this.toggle(this.panel.hidden !== false));
    this.host.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.toggle(false);
    });
    addEventListener('message', (event: MessageEvent<unknown>) => this.hear(event));
    this.draw();
    document.body.append(this.host);
  }

  private toggle(open: boolean): void {
    if (open === !this.panel.hidden) return;
    this.panel.hidden = !open;
    if (open) this.badge.hidden = true;
    this.draw();
    if (open) this.enter();
    else this.button.focus();
  }

  private draw(): void {
    const open = !this.panel.hidden;
    this.host.toggleAttribute('data-open', open);
    this.button.setAttribute('aria-expanded', String(open));
    this.button.setAttribute('aria-label', open ? this.words[1] : (this.settings.title ?? this.words[0]));
    const path = open ? 'M6 9l6 6 6-6' : 'M4 12a8 8 0 1 1 3.4 6.5L3.5 20l1.3-3.6A8 8 0 0 1 4 12z';
    this.button.replaceChildren(drawing(path), this.badge);
  }

  /** The frame is loaded when it is first wanted: a page that embeds the button pays for the button only. */
  private enter(): void {
    const { hub, appId, lang, title } = this.settings;
    if (!this.frame) {
      const query = new URLSearchParams({ embed: '1', ...(lang ? { lang } : {}) });
      this.frame = make('iframe', {
        src: `${hub}/bots/${encodeURIComponent(appId)}/chat?${query.toString()}`,
        title: title ?? this.words[2],
      });
      this.frame.addEventListener('load', () => this.focusFrame());
      this.panel.append(this.frame);
    }
    this.focusFrame();
  }

  private focusFrame(): void {
    if (this.panel.hidden) return;
    this.frame?.focus();
    this.frame?.contentWindow?.postMessage({ switchboard: 'focus' }, this.settings.hub);
  }

  /** Only our own frame is listened to. */
  private hear(event: MessageEvent<unknown>): void {
    if (!this.frame || event.source !== this.frame.contentWindow || event.origin !== this.settings.hub) return;
    const what = (event.data as { switchboard?: unknown } | null)?.switchboard;
    if (what === 'close') this.toggle(false);
    if (what === 'reply' && this.panel.hidden) this.badge.hidden = false;
  }
}

function start(script: HTMLScriptElement): void {
  const { appId, lang, title, position = 'right' } = script.dataset;
  if (!appId) {
    // eslint-disable-next-line no-console -- the one word to whoever pasted the tag
    console.error('Switchboard: the script tag needs data-app-id="…".');
    return;
  }
  if (document.querySelector(`[data-switchboard="${CSS.escape(appId)}"]`)) return;
  new Launcher({ hub: new URL(script.src).origin, appId, lang, title, position });
}

const tag = document.currentScript;
if (tag instanceof HTMLScriptElement) {
  // A script in the head runs before there is a body; all wait alike, so that of several tags the first one counts.
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', () => start(tag));
  else start(tag);
}
