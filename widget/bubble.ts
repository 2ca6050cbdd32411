/** One message as elements. Bot text is Markdown; what people wrote is shown as they wrote it. */
import type { BotUttered, QuickReply } from '../connectors/web/protocol.js';
import { cardsOf } from './cards.js';
import type { Item, UserItem } from './conversation.js';
import { el, safeUrl } from './dom.js';
import { markdown } from './markdown.js';
import type { Words } from './text.js';

export interface BubbleOptions {
  words: Words;
  botName: string;
  press: (button: { title: string; payload: string }) => void;
  retry: (id: string) => void;
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** `data:` for pictures only. */
const pictureUrl = (address: unknown): string | null =>
  safeUrl(address, ['http:', 'https:']) ??
  (/^data:image\//i.test(String(address)) ? safeUrl(address, ['data:']) : null);

function picture(source: string, options: BubbleOptions): Node {
  const { words, botName } = options;
  const image = el('img', { src: source, alt: words.picture(botName), loading: 'lazy', decoding: 'async' });
  const frame = el('a', { class: 'picture', href: source, target: '_blank', rel: 'noopener noreferrer' }, image);
  frame.setAttribute('aria-label', `${words.picture(botName)} (${words.openPicture})`);
  image.addEventListener('error', () => frame.replaceChildren(words.pictureGone));
  return frame;
}

/** What a client cannot draw is shown as what it is, folded away. */
function data(value: unknown, words: Words): Node {
  return el(
    'details',
    { class: 'data' },
    el('summary', {}, words.data),
    el('pre', { tabindex: '0' }, JSON.stringify(value, null, 2)),
  );
}

function attachment(value: unknown, options: BubbleOptions): Node {
  const payload = field(value, 'payload');
  const address =
    typeof value === 'string' ? value : (field(payload, 'src') ?? field(payload, 'url') ?? field(value, 'url'));
  const source = field(value, 'type') === 'image' ? pictureUrl(address) : null;
  if (source !== null) return picture(source, options);
  const href = safeUrl(address, ['http:', 'https:']);
  if (href === null) return data(value, options.words);
  return el('a', { class: 'file', href, target: '_blank', rel: 'noopener noreferrer' }, options.words.file);
}

/** Null where it is no list of cards. */
function cards(value: unknown, options: BubbleOptions): Node | null {
  const found = cardsOf(value);
  if (!found) return null;
  const drawn = found.map(({ title, subtitle, image, buttons: pressed, link }) => {
    const source = pictureUrl(image);
    const row = buttons({ quick_replies: pressed }, options);
    return el(
      'li',
      { class: 'card' },
      ...(source === null ? [] : [el('img', { src: source, alt: '', loading: 'lazy', decoding: 'async' })]),
      el('strong', {}, title),
      ...(subtitle === '' ? [] : [el('p', {}, subtitle)]),
      ...(link === null
        ? []
        : [
            el(
              'a',
              { class: 'file', href: link.url, target: '_blank', rel: 'noopener noreferrer nofollow' },
              link.title,
            ),
          ]),
      ...row,
    );
  });
  return el('ul', { class: 'cards', tabindex: '0', 'aria-label': options.words.cards(drawn.length) }, ...drawn);
}

const isQuickReply = (value: unknown): value is QuickReply =>
  typeof field(value, 'title') === 'string' && typeof field(value, 'payload') === 'string';

function buttons(message: BotUttered, options: BubbleOptions): Node[] {
  const replies = (Array.isArray(message.quick_replies) ? (message.quick_replies as unknown[]) : []).filter(
    isQuickReply,
  );
  if (replies.length === 0) return [];
  const row = el('div', { class: 'replies', role: 'group' });
  for (const { title, payload } of replies) {
    const button = el('button', { type: 'button' }, title);
    button.addEventListener('click', () => options.press({ title, payload }));
    row.append(button);
  }
  return [row];
}

function botParts(message: BotUttered, options: BubbleOptions): Node[] {
  const { text, attachment: attached } = message;
  if (field(message, 'handoff') === true) return [el('p', { class: 'notice' }, options.words.calling)];
  const parts: Node[] = [];
  if (typeof text === 'string' && text !== '') parts.push(el('div', { class: 'bubble' }, markdown(text)));
  if (attached !== undefined) parts.push(cards(attached, options) ?? attachment(attached, options));
  parts.push(...buttons(message, options));
  if (parts.length > 0) return parts;
  const custom = Object.fromEntries(
    Object.entries(message).filter(([name]) => name !== 'message_id' && name !== 'agent'),
  );
  return [data(custom, options.words)];
}

function deliveryOf(item: UserItem, options: BubbleOptions, online: boolean): Node[] {
  const { words } = options;
  if (item.state === 'sent') return [];
  if (item.state === 'pending') return [el('span', { class: 'state' }, online ? words.sending : words.waiting)];
  const button = el('button', { type: 'button', class: 'retry' }, words.retry);
  button.addEventListener('click', () => options.retry(item.id));
  return [el('span', { class: 'state' }, words.failed), button];
}

/** The elements of one message. `online` decides what a pending message says it waits for. */
export function bubble(item: Item, options: BubbleOptions, online: boolean): HTMLElement {
  const { words, botName } = options;
  const time = new Date(item.time);
  const clock = el(
    'time',
    { datetime: item.time },
    time.toLocaleTimeString(words.locale, { hour: '2-digit', minute: '2-digit' }),
  );
  clock.title = time.toLocaleString(words.locale);
  const mine = item.from === 'user';
  const parts = mine ? [el('div', { class: 'bubble', dir: 'auto' }, item.text)] : botParts(item.message, options);
  const meta = el('div', { class: 'meta' }, clock, ...(mine ? deliveryOf(item, options, online) : []));
  const state = mine ? item.state : undefined;
  const agent = item.from === 'bot' && typeof item.message.agent === 'string' ? item.message.agent : null;
  const who =
    agent === null
      ? el('span', { class: 'sr' }, `${mine ? words.you : botName}: `)
      : el('span', { class: 'agent' }, agent);
  return el('article', { class: `message ${item.from}`, 'data-id': item.id, 'data-state': state }, who, ...parts, meta);
}
