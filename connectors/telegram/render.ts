/**
 * What a bot says as calls of Telegram's Bot API. Text goes out as its small HTML, everything escaped; names after an @ and links to Telegram's
 * own schemes are broken by an invisible character, because Telegram makes mentions and links of them by itself.
 */
import { clip, piecesOf, type Measure } from '../message/cut.js';
import type { Run } from '../message/markdown.js';
import type { Attachment, Card, Choice, Link, Said } from '../message/message.js';

/** One call, without `chat_id`. */
export interface TelegramPost {
  method: string;
  args: Record<string, unknown>;
}

/** Telegram's limits (RELIABILITY.md 1.2): characters after the markup is taken off; bytes of a button's data. */
const limits = { text: 4096, caption: 1024, data: 64, buttons: 100, title: 64, row: 28, perRow: 3 };
const wordJoiner = '\u2060';

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const unlinked = (text: string): string =>
  text.replace(/(?<![\w.+-])@(?=\w)/g, `@${wordJoiner}`).replace(/\b(tg|ton|tonsite):(?=\S)/gi, `$1:${wordJoiner}`);

const measure: Measure = { text: (text) => unlinked(text).length, around: () => 0 };

function html({ text, bold, italic, code, pre, url }: Run): string {
  if (pre) return `<pre>${escapeHtml(text)}</pre>`;
  let shown = escapeHtml(code ? text : unlinked(text));
  if (code) shown = `<code>${shown}</code>`;
  if (italic) shown = `<i>${shown}</i>`;
  if (bold) shown = `<b>${shown}</b>`;
  return url ? `<a href="${escapeHtml(url)}">${shown}</a>` : shown;
}
const htmlOf = (runs: Run[]): string => runs.map(html).join('');
const message = (runs: Run[]): TelegramPost => ({
  method: 'sendMessage',
  args: { text: htmlOf(runs), parse_mode: 'HTML', link_preview_options: { is_disabled: true } },
});
const texts = (runs: Run[]): TelegramPost[] => piecesOf(runs, limits.text, measure).map(message);

const fileMethods: Record<Attachment['kind'], [method: string, field: string]> = {
  image: ['sendPhoto', 'photo'],
  audio: ['sendAudio', 'audio'],
  video: ['sendVideo', 'video'],
  file: ['sendDocument', 'document'],
};
function attachmentPost({ kind, url, title }: Attachment): TelegramPost {
  const [method, field] = fileMethods[kind];
  const caption =
    kind === 'image' ? {} : { caption: escapeHtml(unlinked(clip(title, limits.caption))), parse_mode: 'HTML' };
  return { method, args: { [field]: url, ...caption } };
}

/** Rows of buttons as they fit a phone. A choice whose reference is too long for Telegram's data cannot come back, so there is none. */
function keyboard(choices: Choice[], links: Link[]): object | null {
  const buttons = [
    ...links.map(({ title, url }) => ({ text: clip(title, limits.title), url })),
    ...choices
      .filter(({ ref }) => Buffer.byteLength(ref) <= limits.data)
      .map(({ title, ref }) => ({ text: clip(title, limits.title), callback_data: ref })),
  ].slice(0, limits.buttons);
  const rows: { text: string }[][] = [];
  for (const button of buttons) {
    const row = rows.at(-1);
    const used = row?.reduce((sum, { text }) => sum + text.length, 0) ?? 0;
    if (row && row.length < limits.perRow && used + button.text.length <= limits.row) row.push(button);
    else rows.push([button]);
  }
  return rows.length > 0 ? { inline_keyboard: rows } : null;
}
/** The keyboard belongs to the last of the posts; where there is none it gets one, since Telegram has no keyboard without a message. */
function withKeyboard(posts: TelegramPost[], markup: object | null): TelegramPost[] {
  if (!markup) return posts;
  const all = posts.length > 0 ? posts : [message([{ text: '…' }])];
  return all.map((post, at) =>
    at === all.length - 1 ? { ...post, args: { ...post.args, reply_markup: markup } } : post,
  );
}

function cardPosts({ title, subtitle, image, choices, links }: Card): TelegramPost[] {
  const lines: Run[] = [{ text: title, bold: true as const }, { text: subtitle }].filter(({ text }) => text !== '');
  const runs = lines.flatMap((run, at) => (at === 0 ? [run] : [{ text: '\n' }, run]));
  const [caption, more] = image ? piecesOf(runs, limits.caption, measure) : [];
  const fits = image && !more;
  const photo = { method: 'sendPhoto', args: { photo: image, caption: htmlOf(caption ?? []), parse_mode: 'HTML' } };
  return withKeyboard(
    fits ? [photo] : [...(image ? [attachmentPost({ kind: 'image', url: image, title })] : []), ...texts(runs)],
    keyboard(choices, links),
  );
}

/** What an author's own JSON may call: the first field that is there decides, or `method` says it. */
const nativeMethods: [field: string, method: string][] = [
  ['photo', 'sendPhoto'],
  ['audio', 'sendAudio'],
  ['document', 'sendDocument'],
  ['sticker', 'sendSticker'],
  ['video', 'sendVideo'],
  ['animation', 'sendAnimation'],
  ['voice', 'sendVoice'],
  ['video_note', 'sendVideoNote'],
  ['media', 'sendMediaGroup'],
  ['question', 'sendPoll'],
  ['phone_number', 'sendContact'],
  ['address', 'sendVenue'],
  ['latitude', 'sendLocation'],
  ['emoji', 'sendDice'],
  ['text', 'sendMessage'],
];
const nativeMethod = (custom: Record<string, unknown>): string | undefined =>
  custom['method'] === undefined
    ? nativeMethods.find(([field]) => custom[field] !== undefined)?.[1]
    : nativeMethods.find(([, method]) => method === custom['method'])?.[1];
/**
 * Telegraf reads a file of the hub's own disk for `{source}`, and fetches `{url}` by itself: neither is an author's to ask for. Files are named
 * by a URL that Telegram fetches, or by an id.
 */
function reaches(value: unknown, key = ''): boolean {
  if (typeof value === 'string') return /^file:/i.test(value.trim());
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((inside) => reaches(inside, key));
  const shape = value as Record<string, unknown>;
  const upload = 'source' in shape || ('url' in shape && key !== 'link_preview_options' && key !== 'inline_keyboard');
  return upload || Object.entries(shape).some(([name, inside]) => reaches(inside, name));
}
/** Is this JSON something that Telegram can show? */
export const isTelegramJson = (custom: Record<string, unknown>): boolean =>
  nativeMethod(custom) !== undefined && !reaches(custom);

function customPost(custom: Record<string, unknown>): TelegramPost[] {
  const method = nativeMethod(custom);
  const args = Object.fromEntries(Object.entries(custom).filter(([name]) => name !== 'method' && name !== 'chat_id'));
  return method ? [{ method, args }] : [];
}

/** The calls, in order; none when there is nothing to show. */
export function telegramPosts(said: Said): TelegramPost[] {
  const spoken = [...texts(said.text), ...said.attachments.map(attachmentPost)];
  return [
    ...withKeyboard(spoken, keyboard(said.choices, [])),
    ...said.cards.flatMap(cardPosts),
    ...(said.custom ? customPost(said.custom) : []),
  ];
}

/** The same as words, with a link, for a file that Telegram could not fetch; null when there is no such file. */
export function insteadOfFile({ args }: TelegramPost): TelegramPost | null {
  const fields = Object.values(fileMethods).map(([, field]) => field);
  const url = fields.map((field) => args[field]).find((value) => typeof value === 'string');
  if (url === undefined) return null;
  const caption = typeof args['caption'] === 'string' ? `${args['caption']}\n` : '';
  const { reply_markup } = args;
  const text = `${caption}<a href="${escapeHtml(url)}">${escapeHtml(url)}</a>`;
  return { method: 'sendMessage', args: { text, parse_mode: 'HTML', ...(reply_markup ? { reply_markup } : {}) } };
}
