/** What crosses the REST channel: the shapes of Rasa 3.6's own rest and callback channels. */
import { z } from 'zod';

import type { BotMessage, Json } from '../../src/contracts.js';
import { HubError } from '../../src/errors.js';
import { jsonObjectIn } from '../message/json.js';

const Said = z.object({
  /** As in Rasa: who does not say who he is shares one conversation with all such. */
  sender: z
    .string('who speaks, as text')
    .max(255, 'at most 255 characters')
    .refine((sender) => sender.trim() !== '', 'name who speaks')
    .nullish(),
  message: z
    .string('the words to the bot')
    .max(8000, 'at most 8000 characters')
    .refine((text) => text.trim() !== '', 'say something'),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  /** By which channel the bot is to think that it came, as in Rasa. */
  input_channel: z.string('the name of a channel, as text').max(255, 'at most 255 characters').nullish(),
});
export interface SaidByRest {
  sender: string;
  text: string;
  metadata: Json;
}
/** Ids of other channels begin with the channel's name; a REST sender must not pass for one of them. */
const foreign = /^(?:web|slack|telegram|teams):/;

/** Reads a body that came in `at` the rest or the callback address. Throws `bad_json` or `invalid`, which names the field. */
export function saidIn(body: Buffer, at: 'rest' | 'callback'): SaidByRest {
  const json = jsonObjectIn(body.toString('utf8'));
  if (!json) throw new HubError('bad_json', 'Send a JSON object: {"sender": "…", "message": "…"}.');
  const { success, data, error } = Said.safeParse(json);
  if (!success) {
    const [fault] = error.issues;
    throw invalid(String(fault?.path[0] ?? ''), fault?.message ?? '');
  }
  const sender = data.sender ?? 'default';
  if (foreign.test(sender)) throw invalid('sender', 'must not begin with the name of a channel and a colon');
  const { metadata } = data;
  const channel = at === 'callback' ? at : data.input_channel;
  const told = channel ? { switchboard_channel: channel } : {};
  return { sender, text: data.message.toWellFormed(), metadata: { ...metadata, ...told } };
}

const invalid = (field: string, detail: string): HubError =>
  new HubError('invalid', `The message does not fit at /${field}: ${detail}.`, {
    errors: [{ pointer: `/${field}`, detail }],
  });

/**
 * A reply as Rasa's channels give it: one message for each thing that is said, a text without buttons as one for each paragraph, and nothing
 * of the hub's own.
 */
export function rasaMessages({ recipient_id, text, buttons, custom, image, attachment }: BotMessage): BotMessage[] {
  const messages: Omit<BotMessage, 'recipient_id'>[] = [];
  // Half of a character pair is no JSON that every reader takes.
  const words = text?.toWellFormed();
  if (buttons?.length) messages.push({ text: words ?? '', buttons });
  else if (words !== undefined) {
    const parts = words.trim().split('\n\n');
    messages.push(...parts.map((part) => ({ text: part })));
  }
  if (custom !== undefined) messages.push({ custom });
  if (image !== undefined) messages.push({ image });
  if (attachment !== undefined) messages.push({ attachment });
  return messages.map((message) => ({ recipient_id, ...message }));
}
