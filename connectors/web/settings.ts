/** What a bot's author sets for the web channel. */
import { z } from 'zod';

import type { ChannelSettings } from '../../src/contracts.js';
import { ownWords } from './protocol.js';

const origin = z
  .string()
  .transform((text) => text.trim().replace(/\/+$/, '').toLowerCase())
  .refine((text) => /^https?:\/\/[^/?#\s]+$/.test(text), 'an origin such as https://shop.example, without a path');
/** An event of socket.io's or ours under another name would break the client. */
const reserved = /^(?:connect|disconnect|error|session_\w+|user_echo|bot_typing|bot_progress)/;
const eventName = z
  .string()
  .regex(/^[\w.:-]{1,64}$/, 'letters, digits and . : _ -')
  .refine((name) => !reserved.test(name), 'this event name is in use');

const Settings = z.strictObject({
  enabled: z.boolean().default(true),
  /** Absent: any page may embed the chat. */
  allowedOrigins: z
    .array(origin)
    .min(1, 'name at least one origin, or leave it out to allow any page')
    .max(100)
    .optional(),
  appearance: z
    .strictObject({
      title: z.string().trim().min(1).max(100).optional(),
      color: z
        .string()
        .regex(/^#[\da-f]{6}$/i, 'a colour such as #3f51d6')
        .optional(),
      position: z.enum(['left', 'right']).optional(),
      avatar: z
        .string()
        .max(2000)
        .regex(/^https?:\/\/[^\s]+$/, 'an address of a picture, such as https://shop.example/face.png')
        .optional(),
      greeting: z.string().trim().min(1).max(300).optional(),
      greetingSeconds: z.number().int().min(0).max(3600).optional(),
      sound: z.boolean().optional(),
      texts: z.partialRecord(z.enum(ownWords), z.string().trim().min(1).max(300)).optional(),
    })
    .optional(),
  userMessageEvent: eventName.default('user_uttered'),
  botMessageEvent: eventName.default('bot_uttered'),
  /** False: a client that comes back begins a new conversation, as with Rasa's `session_persistence: false`. */
  sessionPersistence: z.boolean().default(true),
});
export type WebSettings = z.infer<typeof Settings>;

/** Answers whole settings from what an author gave; throws when they do not fit, which `webSettings.schema` has seen to. */
export const webSettingsOf = (given: unknown): WebSettings => Settings.parse(given);

/** A new bot has a chat page at once. */
export const webSettings: ChannelSettings = {
  schema: Settings,
  secrets: [],
  destinations: [],
  initial: {},
  off: (settings) => (settings['enabled'] === false ? 'It is switched off: set enabled to true.' : null),
};
