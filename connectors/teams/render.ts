/** What a bot says as activities for Teams: a small HTML, everything escaped, and cards. A mention needs an entity of its own, so no text is one. */
import { clip, piecesOf, type Measure } from '../message/cut.js';
import type { Run } from '../message/markdown.js';
import type { Attachment, Card, Choice, Link, Said } from '../message/message.js';

/** An activity without its addressing. */
export type TeamsPost = Record<string, unknown> & { type: 'message' };

/** A message takes about 28 KB; a hero card six buttons. */
const limits = { text: 8000, buttons: 6, title: 80 };
const measure: Measure = {
  text: (text) => escapeHtml(text).length,
  around: ({ url }) => 40 + (url?.length ?? 0),
};

const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '<br/>');
function html({ text, bold, italic, code, pre, url }: Run): string {
  let shown = escapeHtml(text);
  if (pre) return `<pre>${shown}</pre>`;
  if (code) shown = `<code>${shown}</code>`;
  if (italic) shown = `<i>${shown}</i>`;
  if (bold) shown = `<b>${shown}</b>`;
  return url ? `<a href="${escapeHtml(url)}">${shown}</a>` : shown;
}
const message = (fields: Record<string, unknown>): TeamsPost => ({ type: 'message', ...fields });
const texts = (runs: Run[]): TeamsPost[] =>
  piecesOf(runs, limits.text, measure).map((piece) => message({ textFormat: 'xml', text: piece.map(html).join('') }));

const hero = (content: object): object => ({ contentType: 'application/vnd.microsoft.card.hero', content });
const buttonsOf = (choices: Choice[], links: Link[]): object[] => [
  ...links.map(({ title, url }) => ({ type: 'openUrl', title: clip(title, limits.title), value: url })),
  ...choices.map(({ title, ref }) => {
    const shown = clip(title, limits.title);
    return { type: 'messageBack', title: shown, displayText: shown, text: shown, value: { switchboard: ref } };
  }),
];
/** One card, or as many as the buttons need. */
function cardPosts(content: object, buttons: object[]): TeamsPost[] {
  const posts = [message({ attachments: [hero({ ...content, buttons: buttons.slice(0, limits.buttons) })] })];
  for (let at = limits.buttons; at < buttons.length; at += limits.buttons) {
    posts.push(message({ attachments: [hero({ buttons: buttons.slice(at, at + limits.buttons) })] }));
  }
  return posts;
}
const richCard = ({ title, subtitle, image, choices, links }: Card): TeamsPost[] =>
  cardPosts(
    {
      title: escapeHtml(title),
      ...(subtitle ? { text: escapeHtml(subtitle) } : {}),
      ...(image ? { images: [{ url: image }] } : {}),
    },
    buttonsOf(choices, links),
  );
const attachmentPosts = ({ kind, url, title }: Attachment): TeamsPost[] =>
  kind === 'image'
    ? [message({ attachments: [hero({ images: [{ url, alt: title }] })] })]
    : texts([{ text: title, url }]);

/** Fields of an activity that an author's own JSON may set; where it goes and who says it is not among them. */
const nativeFields = [
  'text',
  'textFormat',
  'attachments',
  'attachmentLayout',
  'suggestedActions',
  'summary',
  'importance',
];
/** Is this JSON something that Teams can show? */
export const isTeamsJson = (custom: Record<string, unknown>): boolean =>
  Array.isArray(custom['attachments']) || typeof custom['text'] === 'string';

/** The buttons go under the last words, as one message. */
function withButtons(posts: TeamsPost[], choices: Choice[]): TeamsPost[] {
  const last = posts.at(-1);
  const [first, ...more] = choices.length > 0 ? cardPosts({}, buttonsOf(choices, [])) : [];
  if (!first) return posts;
  if (!last) return [first, ...more];
  const attachments = [...((last['attachments'] ?? []) as object[]), ...(first['attachments'] as object[])];
  return [...posts.slice(0, -1), { ...last, attachments }, ...more];
}

/** The activities, in order; none when there is nothing to show. */
export function teamsPosts(said: Said): TeamsPost[] {
  const { custom } = said;
  const native = Object.entries(custom ?? {}).filter(([name]) => nativeFields.includes(name));
  return [
    ...withButtons([...texts(said.text), ...said.attachments.flatMap(attachmentPosts)], said.choices),
    ...said.cards.flatMap(richCard),
    ...(custom ? [message(Object.fromEntries(native))] : []),
  ];
}
