/** Messages, what is understood of them, what is answered, and what could not be. */
import { z } from 'zod';
import { language, nonBlank, typed } from './fields.js';

export const ParseBody = z
  .strictObject({
    text: typed(8000),
    language: language
      .optional()
      .meta({ description: "by which of the bot's models; that of its own language when absent" }),
  })
  .meta({ id: 'ParseRequest' });
export const ParseView = z
  .looseObject({
    text: z.string(),
    intent: z.looseObject({ name: z.string().nullable(), confidence: z.number() }),
    entities: z.array(z.unknown()),
  })
  .meta({
    id: 'Parse',
    description: "Rasa's parse object; intent.name is nlu_fallback when the bot admits not knowing.",
  });
export type ParseWire = z.infer<typeof ParseView>;
export const TryBody = z
  .strictObject({
    texts: z
      .array(nonBlank(8000))
      .min(1)
      .max(50)
      .meta({ description: 'all that the person said so far, the newest last: nothing is kept between two calls' }),
    language: language.optional(),
  })
  .meta({ id: 'TryRequest' });
/** A query of which the connector makes sense. */
export const QueryOfAny = z.record(z.string(), z.union([z.string(), z.array(z.string())]).optional());
export const MessageBody = z
  .strictObject({
    sender: nonBlank(255),
    message: nonBlank(8000),
    metadata: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'MessageRequest' });
export const BotMessageView = z
  .object({
    recipient_id: z.string(),
    text: z.string().optional(),
    image: z.string().optional(),
    buttons: z.array(z.object({ title: z.string(), payload: z.string() })).optional(),
    attachment: z.unknown().optional(),
    custom: z.unknown().optional(),
    metadata: z
      .object({
        engine: z.enum(['rasa', 'lite', 'remote']).optional(),
        agent: z.string().optional(),
        at: z.string().optional(),
        key: z.string().optional(),
      })
      .optional()
      .meta({ description: 'which engine answered, or which person did, and when' }),
  })
  .meta({ id: 'BotMessage' });
export type BotMessageWire = z.infer<typeof BotMessageView>;
export const TryView = z
  .object({
    messages: z.array(BotMessageView),
    parse: ParseView,
    engine: z.enum(['rasa', 'lite', 'remote']),
    ms: z.number().meta({ description: 'from the last text to its answer, without the start of the process' }),
  })
  .meta({ id: 'Try' });
export const DeadLetterView = z
  .object({
    id: z.string(),
    kind: z
      .enum(['turn', 'reply'])
      .meta({ description: 'the bot failed on the message, or the platform on its reply' }),
    appId: z.string(),
    channel: z.string(),
    conversation: z.string(),
    messageId: z.string(),
    text: z.string().meta({ description: 'what the user wrote' }),
    reply: BotMessageView.nullable(),
    part: z.number().nullable().meta({ description: 'place of the reply among the replies to the message' }),
    error: z.string(),
    attempts: z.number(),
    maybeSent: z.boolean().meta({ description: 'the platform may have the reply all the same' }),
    at: z.string(),
  })
  .meta({ id: 'DeadLetter' });
