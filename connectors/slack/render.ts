/**
 * What a bot says as Slack posts. Text goes out as rich text elements, which are literal: nothing in them becomes a mention, a command or a
 * link of its own. Only the notification text is parsed by Slack, so that one is escaped.
 */
import { clip, piecesOf, type Measure } from '../message/cut.js';
import type { Run } from '../message/markdown.js';
import type { Attachment, Card, Choice, Link, Said } from '../message/message.js';

export type Block = Record<string, unknown>;
/** Arguments of chat.postMessage, without the channel. */
export type SlackPost = Record<string, unknown> & { text: string };

/** Slack's limits (RELIABILITY.md 1.1); a post beyond about 13,200 characters in all is refused as `msg_blocks_too_long`. */
const limits = {
  blockText: 3000,
  postText: 12_000,
  blocks: 50,
  buttonTitle: 75,
  value: 2000,
  buttonsPerRow: 5,
  url: 3000,
  alt: 2000,
  notice: 1000,
};
/** How action ids begin: a choice comes back with its payload as value; a link only opens. */
export const choicePrefix = 'choice:';
const linkPrefix = 'link:';

/** What Slack reads in a text: `&`, `<` and `>` are all there is to escape. */
export const escapeSlack = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Each change of style is an element of its own, which Slack counts too. */
const elementChars = 8;
const measure: Measure = { text: (text) => text.length, around: ({ url }) => elementChars + (url?.length ?? 0) };
const plain = (runs: Run[]): string => runs.map(({ text }) => text).join('');

function element({ text, bold, italic, code, url }: Run): Block {
  const style = { ...(bold ? { bold } : {}), ...(italic ? { italic } : {}), ...(code ? { code } : {}) };
  const styled = Object.keys(style).length > 0 ? { style } : {};
  return url ? { type: 'link', url, text, ...styled } : { type: 'text', text, ...styled };
}
/** Runs as one rich text block; code blocks stand apart in it. */
function richText(runs: Run[]): Block {
  const elements: { type: string; elements: Block[] }[] = [];
  for (const run of runs) {
    const type = run.pre ? 'rich_text_preformatted' : 'rich_text_section';
    const last = elements.at(-1);
    if (last?.type === type && !run.pre) last.elements.push(element(run));
    else elements.push({ type, elements: [run.pre ? { type: 'text', text: run.text } : element(run)] });
  }
  return { type: 'rich_text', elements };
}

interface Piece {
  block: Block;
  /** Characters that count against the post. */
  chars: number;
  /** What a notification says of it. */
  notice: string;
}
const textPieces = (runs: Run[]): Piece[] =>
  piecesOf(runs, limits.blockText, measure).map((piece) => ({
    block: richText(piece),
    chars: piece.reduce((sum, run) => sum + run.text.length + measure.around(run), 0),
    notice: plain(piece),
  }));

function imagePiece(url: string, title: string): Piece[] {
  if (url.length > limits.url) return [];
  const alt_text = clip(title, limits.alt) || 'image';
  return [{ block: { type: 'image', image_url: url, alt_text }, chars: url.length, notice: alt_text }];
}
const attachmentPieces = ({ kind, url, title }: Attachment): Piece[] => {
  const image = kind === 'image' ? imagePiece(url, title) : [];
  return image.length > 0 ? image : textPieces([{ text: title, url }]);
};

const button = (title: string, rest: Block): Block => ({
  type: 'button',
  text: { type: 'plain_text', text: clip(title, limits.buttonTitle), emoji: false },
  ...rest,
});
function buttonPieces(choices: Choice[], links: Link[]): Piece[] {
  // A payload that Slack cannot carry would come back as something else: such a choice is shown as words.
  const [fit, tooLong] = [
    choices.filter(({ payload }) => payload.length <= limits.value && payload !== ''),
    choices.filter(({ payload }) => payload.length > limits.value || payload === ''),
  ];
  const buttons = [
    ...links.map(({ title, url }, at) =>
      button(title, { url: url.slice(0, limits.url), action_id: `${linkPrefix}${at}` }),
    ),
    ...fit.map(({ title, payload, ref }) => button(title, { value: payload, action_id: `${choicePrefix}${ref}` })),
  ];
  const rows: Piece[] = [];
  for (let at = 0; at < buttons.length; at += limits.buttonsPerRow) {
    const elements = buttons.slice(at, at + limits.buttonsPerRow);
    rows.push({ block: { type: 'actions', elements }, chars: JSON.stringify(elements).length, notice: '' });
  }
  return [...tooLong.flatMap(({ title }) => textPieces([{ text: `• ${title}` }])), ...rows];
}

function cardPieces({ title, subtitle, image, choices, links }: Card): Piece[] {
  const lines: Run[] = [{ text: title, bold: true as const }, { text: subtitle }].filter(({ text }) => text !== '');
  const text = lines.flatMap((run, at) => (at === 0 ? [run] : [{ text: '\n' }, run]));
  return [
    ...textPieces(text),
    ...(image ? imagePiece(image, title) : []),
    ...buttonPieces(
      choices,
      links.filter(({ url }) => url.length <= limits.url),
    ),
  ];
}

/** Fields of chat.postMessage that an author's own JSON may set; where it goes and who says it is not among them. */
const nativeFields = ['text', 'blocks', 'attachments', 'unfurl_links', 'unfurl_media', 'mrkdwn'];
/** Is this JSON something that Slack can show? */
export const isSlackJson = (custom: Record<string, unknown>): boolean =>
  Array.isArray(custom['blocks']) || Array.isArray(custom['attachments']) || typeof custom['text'] === 'string';

/** The posts, in order; none when there is nothing to show. */
export function slackPosts(said: Said): SlackPost[] {
  const pieces = [
    ...textPieces(said.text),
    ...said.attachments.flatMap(attachmentPieces),
    ...buttonPieces(said.choices, []),
    ...said.cards.flatMap(cardPieces),
  ];
  const posts: Piece[][] = [];
  let chars = Infinity;
  for (const piece of pieces) {
    const last = posts.at(-1);
    if (last && chars + piece.chars <= limits.postText && last.length < limits.blocks) last.push(piece);
    else {
      posts.push([piece]);
      chars = 0;
    }
    chars += piece.chars;
  }
  return [...posts.map(postOf), ...(said.custom ? [customPost(said.custom)] : [])];
}

function postOf(pieces: Piece[]): SlackPost {
  const notice = pieces
    .map((piece) => piece.notice)
    .filter((text) => text !== '')
    .join('\n');
  return {
    text: escapeSlack(clip(notice, limits.notice)) || '…',
    blocks: pieces.map(({ block }) => block),
    mrkdwn: false,
  };
}
function customPost(custom: Record<string, unknown>): SlackPost {
  const fields = Object.fromEntries(Object.entries(custom).filter(([name]) => nativeFields.includes(name)));
  return { text: '', ...fields };
}

/** The same post with links where its images were; null when there are none. */
export function withoutImages(post: SlackPost): SlackPost | null {
  const blocks = (Array.isArray(post['blocks']) ? post['blocks'] : []) as Block[];
  if (!blocks.some(({ type }) => type === 'image')) return null;
  const linked = blocks.map((block) =>
    block['type'] === 'image'
      ? richText([{ text: String(block['alt_text']), url: String(block['image_url']) }])
      : block,
  );
  return { ...post, blocks: linked };
}
