/** A project's credentials.yml as settings of this hub's channels. Rasa's names on the left, ours on the right. */
import { parse } from 'yaml';
import type { Json } from '../../contracts.js';

export interface ChannelDraft {
  /** Of the hub's channel. */
  name: string;
  settings: Json;
}
export interface ChannelDrafts {
  channels: ChannelDraft[];
  /** Sentences for the author: what could not be taken over, and what to do. They never hold a value. */
  notes: string[];
}

const known: Record<string, { name: string; settings: Record<string, string> }> = {
  rest: { name: 'rest', settings: {} },
  callback: { name: 'rest', settings: { url: 'callbackUrl' } },
  slack: { name: 'slack', settings: { slack_token: 'botToken', slack_signing_secret: 'signingSecret' } },
  telegram: { name: 'telegram', settings: { access_token: 'token' } },
  botframework: { name: 'teams', settings: { app_id: 'microsoftAppId', app_password: 'microsoftAppPassword' } },
  socketio: {
    name: 'web',
    settings: {
      user_message_evt: 'userMessageEvent',
      bot_message_evt: 'botMessageEvent',
      session_persistence: 'sessionPersistence',
    },
  },
};
/** What Rasa does where a setting is left out, as far as this hub would do otherwise. */
const asRasa: Record<string, Json> = { socketio: { sessionPersistence: false } };
/** Says something to Rasa's own server alone. */
const ignored = new Set(['rasa', 'cmdline']);

/** Answers only notes for a text that is not YAML. */
export function channelsOf(credentials: string): ChannelDrafts {
  const drafts: ChannelDrafts = { channels: [], notes: [] };
  const read = yamlOf(credentials);
  if (read === undefined) drafts.notes.push('credentials.yml cannot be read as YAML: no channel was set up from it.');
  for (const [channel, given] of Object.entries(mappingOf(read))) add(drafts, channel, mappingOf(given));
  return drafts;
}

function add(drafts: ChannelDrafts, channel: string, given: Json): void {
  if (ignored.has(channel)) return;
  const target = Object.hasOwn(known, channel) ? known[channel] : undefined;
  if (!target) {
    drafts.notes.push(`credentials.yml: ${channel} is no channel of this hub; it was left out.`);
    return;
  }
  const open = Object.keys(given).filter((key) => target.settings[key] !== undefined && isPlaceholder(given[key]));
  if (open.length > 0) {
    drafts.notes.push(
      `credentials.yml: ${channel} has no value for ${open.join(', ')} but a placeholder: set the channel ${target.name} up.`,
    );
    return;
  }
  const settings = Object.entries(given).flatMap(([key, value]) => {
    const name = target.settings[key];
    return name === undefined || value == null ? [] : [[name, value] as const];
  });
  const draft = { name: target.name, settings: { ...asRasa[channel], ...Object.fromEntries(settings) } };
  const before = drafts.channels.find(({ name }) => name === draft.name);
  if (before) Object.assign(before.settings, draft.settings);
  else drafts.channels.push(draft);
}

/** `<your token>`, or the name of a variable in somebody else's environment. */
const isPlaceholder = (value: unknown): boolean =>
  typeof value === 'string' && (/^\s*<.*>\s*$/.test(value) || /\$\{?\w+/.test(value) || value.trim() === '');

const mappingOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

/** Undefined for a text that is no YAML. */
function yamlOf(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 20 }) as unknown;
  } catch {
    return undefined;
  }
}
