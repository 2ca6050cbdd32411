/** Cards beside each other, in the shape that Rasa bots have for them: an attachment with Messenger's generic template. */
import type { QuickReply } from '../connectors/web/protocol.js';
import { safeUrl } from './dom.js';

export interface Card {
  title: string;
  subtitle: string;
  image: unknown;
  buttons: QuickReply[];
  /** The first button that opens a page, or where the card itself leads. */
  link: { title: string; url: string } | null;
}

type Fields = Record<string, unknown>;
const most = 20;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): Fields[] =>
  Array.isArray(value) ? (value as unknown[]).slice(0, most).filter(isFields) : [];
const wordsOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const pageOf = (value: unknown): string | null => safeUrl(value, ['http:', 'https:']);

function cardOf({ title, subtitle, image_url: image, buttons, default_action: leads }: Fields): Card {
  const given = listOf(buttons);
  const pages = [...given, ...(isFields(leads) ? [leads] : [])]
    .map(({ title: words, url }) => ({ title: wordsOf(words) || wordsOf(title), url: pageOf(url) }))
    .filter((page): page is { title: string; url: string } => page.url !== null);
  const pressed = given
    .filter(({ title: words, payload }) => typeof words === 'string' && typeof payload === 'string')
    .map(({ title: words, payload }) => ({
      content_type: 'text' as const,
      title: wordsOf(words),
      payload: wordsOf(payload),
    }));
  return { title: wordsOf(title), subtitle: wordsOf(subtitle), image, buttons: pressed, link: pages[0] ?? null };
}

/** The cards of an attachment; null where it has none. */
export function cardsOf(attachment: unknown): Card[] | null {
  const payload = isFields(attachment) ? attachment['payload'] : undefined;
  if (!isFields(payload) || payload['template_type'] !== 'generic') return null;
  const cards = listOf(payload['elements'])
    .map(cardOf)
    .filter(({ title }) => title !== '');
  return cards.length === 0 ? null : cards;
}
