/** What people do about conversations, and how long those are kept. */
import { z } from 'zod';
import { Button } from './faq.js';
import { httpUrl, nonBlank, review } from './fields.js';

const agentName = nonBlank(200).optional().meta({ description: 'the person who does it; "agent" when absent' });
const tags = z.array(nonBlank(100)).max(50);
export const TakeoverBody = z
  .strictObject({
    agent: agentName,
    force: z.boolean().optional().meta({ description: 'also when another person holds it' }),
    minutes: z
      .number()
      .min(1)
      .max(10_080)
      .optional()
      .meta({ description: "until the bot takes it back; the desk's returnMinutes when absent" }),
  })
  .meta({ id: 'Takeover' });
export const ReleaseBody = z
  .strictObject({
    slots: z
      .record(nonBlank(200), z.unknown())
      .optional()
      .meta({ description: 'what the bot shall know, by the names of its slots' }),
  })
  .meta({ id: 'Release' });
export const AgentReply = z
  .strictObject({
    text: nonBlank(20_000).optional(),
    image: httpUrl.optional(),
    buttons: z.array(Button).max(20).optional(),
    agent: agentName,
  })
  .refine(({ text, image }) => text !== undefined || image !== undefined, {
    path: ['text'],
    error: 'needs text or image',
  })
  .meta({ id: 'AgentReply' });
export const ReviewBody = z.strictObject({ review }).meta({ id: 'Review' });
export const TagsBody = z.strictObject({ tags }).meta({ id: 'Tags' });
export const AssigneeBody = z.strictObject({ assignee: nonBlank(200).nullable() }).meta({ id: 'Assignee' });
export const NoteBody = z.strictObject({ text: nonBlank(5000), agent: agentName }).meta({ id: 'Note' });
const minutes = z.number().min(1).max(10_080);
export const RetentionBody = z
  .strictObject({
    days: z
      .number()
      .int()
      .min(2)
      .max(36_500)
      .nullable()
      .meta({ description: 'how long messages are kept; null: as long as the hub keeps them (CONVERSATION_DAYS)' }),
  })
  .meta({ id: 'Retention' });
export const DeskBody = z
  .strictObject({
    waitMinutes: minutes
      .default(15)
      .meta({ description: 'how long a person waits for a colleague; then the bot goes on' }),
    returnMinutes: minutes
      .default(30)
      .meta({ description: 'how long after the last words of a colleague the bot goes on' }),
    canned: z
      .array(z.strictObject({ title: nonBlank(200), text: nonBlank(20_000) }))
      .max(500)
      .default([])
      .meta({ description: 'answers that colleagues have at hand' }),
  })
  .meta({ id: 'Desk' });
