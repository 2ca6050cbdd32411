/** What a bot says, whatever the platform: one model between Rasa's messages and what each platform shows. */
import type { BotMessage, StoredMessage } from '../../src/contracts.js';
import { clean, type Run, runsOf, safeUrl } from './markdown.js';

/** A button or quick reply. `ref` names it in the hub's log, so that the press leads back to the payload that was offered. */
export interface Choice {
  title: string;
  payload: string;
  ref: string;
}
export interface Link {
  title: string;
  url: string;
}
export interface Card {
  title: string;
  subtitle: string;
  image: string | null;
  choices: Choice[];
  links: Link[];
}
export interface Attachment extends Link {
  kind: 'image' | 'audio' | 'video' | 'file';
}
export interface Said {
  text: Run[];
  attachments: Attachment[];
  cards: Card[];
  choices: Choice[];
  /** The author's own JSON for this channel; null: none. */
  custom: Record<string, unknown> | null;
}
/** Which reply it is: `messageId` and `part` of a Delivery. */
export interface ReplyPlace {
  messageId: string;
  part: number;
}

type Shape = Record<string, unknown>;
const shapeOf = (value: unknown): Shape | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Shape) : null;
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
/** Text of one line, as a title or a caption. */
const words = (value: unknown): string => (typeof value === 'string' ? clean(value).replace(/\s+/g, ' ').trim() : '');
const address = (value: unknown): string | null => {
  const url = typeof value === 'string' ? safeUrl(value.trim()) : null;
  return url && /^https?:/.test(url) ? url : null;
};

const channels = ['slack', 'telegram', 'teams', 'web', 'rest'];
const cardLimit = 10;

/** Counts the choices of one reply through text buttons and cards alike: `choiceOf` counts the same way. */
class Choices {
  private next = 0;
  constructor(private readonly place: ReplyPlace) {}
  make(title: unknown, payload: unknown): Choice[] {
    const index = this.next++;
    const shown = words(title);
    if (shown === '' || typeof payload !== 'string') return [];
    return [{ title: shown, payload: clean(payload), ref: `${this.place.messageId}.${this.place.part}.${index}` }];
  }
}

function cardOf(element: unknown, choices: Choices): Card[] {
  const shape = shapeOf(element);
  if (!shape) return [];
  const buttons = listOf(shape['buttons']).map(shapeOf);
  const card = {
    title: words(shape['title']),
    subtitle: words(shape['subtitle']),
    image: address(shape['image_url']),
    links: buttons.flatMap((button): Link[] => {
      const url = address(button?.['url']);
      return url ? [{ title: words(button?.['title']) || url, url }] : [];
    }),
    choices: buttons.flatMap((button) =>
      button && !button['url'] ? choices.make(button['title'], button['payload']) : [],
    ),
  };
  const defaultUrl = address(shapeOf(shape['default_action'])?.['url']);
  if (defaultUrl) card.links.unshift({ title: card.title || defaultUrl, url: defaultUrl });
  return card.title || card.subtitle || card.image || card.links.length + card.choices.length > 0 ? [card] : [];
}

/** Rasa's `attachment`: a URL, `{type, payload: {src | url | elements}}`, or what an action of the bot's own sent. */
function attached(attachment: unknown, choices: Choices): Pick<Said, 'attachments' | 'cards' | 'text'> {
  const none = { attachments: [], cards: [], text: [] };
  if (attachment === undefined || attachment === null) return none;
  const shape = shapeOf(attachment);
  const payload = shapeOf(shape?.['payload']) ?? shape ?? {};
  const elements = listOf(payload['elements'] ?? attachment);
  if (elements.length > 0) {
    const cards = elements.slice(0, cardLimit).flatMap((element) => cardOf(element, choices));
    if (cards.length > 0) return { ...none, cards };
  }
  const url = address(typeof attachment === 'string' ? attachment : (payload['src'] ?? payload['url']));
  if (url) {
    const kind = (['image', 'audio', 'video'] as const).find((known) => known === shape?.['type']) ?? 'file';
    return { ...none, attachments: [{ kind, url, title: words(payload['title']) || nameOf(url) }] };
  }
  return { ...none, text: asText(attachment) };
}
const nameOf = (url: string): string => new URL(url).pathname.split('/').at(-1) || url;
/** What no platform knows is shown as it is, as Rasa's own channels do. */
const asText = (value: unknown): Run[] => [{ text: clean(JSON.stringify(value, null, 2)), pre: true }];

/** `custom`: `{slack: …, telegram: …}` says a thing to each channel, any other object the same to all. */
function customFor(custom: unknown, channel: string): Record<string, unknown> | null {
  const shape = shapeOf(custom);
  if (!shape) return null;
  return channels.some((name) => Object.hasOwn(shape, name)) ? shapeOf(shape[channel]) : shape;
}

/** Reads a reply for `channel`. `native`: does the platform take this `custom` as it stands? What it does not take is shown as text. */
export function saidOf(
  reply: BotMessage,
  place: ReplyPlace,
  { channel, native }: { channel: string; native: (custom: Record<string, unknown>) => boolean },
): Said {
  const choices = new Choices(place);
  const buttons = listOf(reply.buttons).flatMap((button) =>
    choices.make(shapeOf(button)?.['title'], shapeOf(button)?.['payload']),
  );
  const extra = attached(reply.attachment, choices);
  const image = address(reply.image);
  const custom = customFor(reply.custom, channel);
  const shown = custom !== null && native(custom);
  const blocks = [
    typeof reply.text === 'string' ? runsOf(reply.text) : [],
    extra.text,
    custom !== null && !shown ? asText(custom) : [],
  ].filter((runs) => runs.some(({ text }) => text.trim() !== ''));
  return {
    text: blocks.flatMap((runs, index) => (index === 0 ? runs : [{ text: '\n' }, ...runs])),
    attachments: [
      ...(image ? [{ kind: 'image' as const, url: image, title: nameOf(image) }] : []),
      ...extra.attachments,
    ],
    cards: extra.cards,
    choices: buttons,
    custom: shown ? custom : null,
  };
}

/** The choice that a press names, if the bot offered it in these messages; null otherwise, whatever the client says. */
export function choiceOf(messages: StoredMessage[], ref: string): Choice | null {
  const [, messageId = '', part = ''] = /^([\w-]+)\.(\d+)\.\d+$/.exec(ref) ?? [];
  const reply = messages.find(({ id }) => id === messageId)?.replies[Number(part)];
  if (!reply) return null;
  const said = saidOf(reply, { messageId, part: Number(part) }, { channel: '', native: () => true });
  return [...said.choices, ...said.cards.flatMap((card) => card.choices)].find((choice) => choice.ref === ref) ?? null;
}

/** The title of the button with this payload that the bot offered in these messages, the latest first; null when it offered none. */
export function offeredTitle(messages: StoredMessage[], payload: string): string | null {
  const buttons = messages.flatMap((message) => message.replies.flatMap((reply) => reply.buttons ?? []));
  return buttons.findLast((button) => button.payload === payload)?.title ?? null;
}
