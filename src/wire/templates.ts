/** What new bots start with. */
import { z } from 'zod';
import { FaqBody } from './faq.js';
import { language, nonBlank, pipeline, typed } from './fields.js';

const Words = z
  .strictObject({ en: nonBlank(2000).optional(), zh: nonBlank(2000).optional() })
  .refine((words) => words.en !== undefined || words.zh !== undefined, 'needs words in en or zh')
  .transform(({ en, zh }): Record<string, string> => ({ ...(en && { en }), ...(zh && { zh }) }));
const TemplateName = z.string().regex(/^[a-z][a-z0-9-]{0,60}$/, 'lower-case letters, digits and "-", a letter first');
const FileText = z.strictObject({ path: z.string().max(200), content: typed(5_000_000) });
const templateFields = {
  title: Words.optional(),
  description: Words.optional(),
  language: language.optional(),
  pipeline: pipeline.optional(),
  pairs: FaqBody.optional(),
  files: z.array(FileText).max(2000).optional(),
};
export const TemplateChange = z.strictObject(templateFields).meta({ id: 'TemplateChange' });
export const TemplateCreate = z
  .strictObject({ name: TemplateName, fromBot: z.string().max(100).optional(), ...templateFields })
  .refine(({ fromBot, pairs, files }) => fromBot === undefined || (pairs === undefined && files === undefined), {
    path: ['fromBot'],
    error: 'brings its own pairs and files: leave those out',
  })
  .meta({ id: 'TemplateCreate' });
const templateShown = {
  name: z.string(),
  title: z.record(z.string(), z.string()),
  description: z.record(z.string(), z.string()),
  language: z.string(),
  pipeline,
  shipped: z.boolean().meta({ description: 'a part of the hub, which nobody changes' }),
};
export const TemplateView = z
  .object({ ...templateShown, pairs: z.number(), files: z.number() })
  .meta({ id: 'Template', description: 'With how many pairs and project files its bots start.' });
export const TemplateFull = z
  .object({ ...templateShown, pairs: FaqBody, files: z.array(FileText) })
  .meta({ id: 'TemplateFull' });
