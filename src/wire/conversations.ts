/** Conversations and the request log: how they are looked for, and shown. */
import { z } from 'zod';
import { chance, review, when, yes } from './fields.js';
import { BotMessageView } from './messages.js';
import { PageQuery } from './pages.js';

export const CareView = z
  .object({
    state: z
      .enum(['bot', 'waiting', 'held'])
      .meta({ description: 'who answers: the bot; nobody yet, the person waits for a colleague; a colleague' }),
    since: z.string().nullable(),
    returnAt: z.string().nullable().meta({ description: 'when the bot takes it back by itself' }),
    agent: z.string().nullable().meta({ description: 'who holds it' }),
    assignee: z.string().nullable(),
    review,
    tags: z.array(z.string()),
    notes: z.array(z.object({ at: z.string(), by: z.string(), text: z.string() })),
  })
  .meta({ id: 'Care', description: 'What people do about a conversation.' });
export const ConversationView = z
  .object({
    id: z.string(),
    channel: z.string(),
    messages: z.number(),
    firstAt: z.string(),
    lastAt: z.string(),
    care: CareView,
    preview: z.object({ text: z.string(), reply: z.string().nullable() }).nullable().optional().meta({
      description: 'the newest message and the last words of its answer, shortened; where ?preview=true asks for it',
    }),
  })
  .meta({ id: 'Conversation' });
export const WaitingView = ConversationView.extend({ appId: z.string() }).meta({ id: 'WaitingConversation' });
export const ConversationQuery = PageQuery.extend({
  channel: z.string().max(50).optional(),
  from: when.optional().meta({ description: 'the last activity was not before' }),
  to: when.optional().meta({ description: 'the last activity was not after' }),
  intent: z.string().max(500).optional(),
  minConfidence: chance.optional(),
  maxConfidence: chance.optional(),
  text: z.string().min(1).max(500).optional().meta({ description: 'a part of what was said by either side' }),
  review: review.optional(),
  tag: z.string().max(100).optional(),
  agent: z.string().max(200).optional().meta({ description: 'who holds it' }),
  waiting: yes.optional(),
  preview: yes.optional().meta({ description: 'with the newest words of each' }),
});
export const SaidView = z
  .looseObject({
    id: z.string(),
    channel: z.string(),
    state: z.enum(['received', 'answered', 'failed']),
    text: z.string(),
    replies: z.array(BotMessageView),
    intent: z.string().nullable(),
    confidence: z.number().nullable(),
    turn: z
      .object({
        entities: z.array(z.unknown()).optional(),
        language: z.string().optional().meta({ description: 'of the conversation, where the bot has several' }),
        slots: z.record(z.string(), z.unknown()).optional().meta({ description: 'that the turn changed' }),
        actions: z.array(z.string()).optional(),
        model: z.string().optional().meta({ description: 'id of the model that answered' }),
        node: z.string().optional().meta({ description: 'that answered; absent: the hub itself' }),
        agent: z.string().optional().meta({ description: 'who held the conversation; empty while nobody had come' }),
        trace: z.string().optional().meta({ description: 'id of its trace (W3C), as in the log and the request log' }),
      })
      .optional(),
    receivedAt: z.string(),
  })
  .meta({ id: 'Said', description: 'A message with what was understood, what the bot did, and what was answered.' });
export const SaidQuery = PageQuery.extend({
  newest: z.coerce
    .number()
    .int()
    .min(1)
    .max(2000)
    .optional()
    .meta({ description: 'the newest so many, in place of a page; `next` is null' }),
});
export const RequestView = z
  .object({
    kind: z.enum(['message', 'parse']),
    appId: z.string(),
    channel: z.string(),
    conversation: z.string().nullable(),
    node: z.string().nullable().meta({ description: 'address of the node that answered; null: the hub itself' }),
    status: z.enum(['received', 'answered', 'failed']),
    ms: z.number().nullable(),
    at: z.string(),
    trace: z
      .string()
      .nullable()
      .meta({ description: 'id of its trace; null for a parse, and while it is not answered' }),
  })
  .meta({ id: 'Request' });
export const RequestQuery = PageQuery.extend({
  appId: z.string().max(100).optional(),
  channel: z.string().max(50).optional(),
  node: z.string().max(300).optional(),
  status: z.enum(['received', 'answered', 'failed']).optional(),
  trace: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'a trace id: 32 hex digits in lower case')
    .optional(),
  from: when.optional(),
  to: when.optional(),
});
