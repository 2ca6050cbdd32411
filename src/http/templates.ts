/** Routes of templates: those of the hub, which are read alone, and those that were added to it. */
import type { z } from 'zod';
import type { ProjectFile, Store, StoredTemplate } from '../contracts.js';
import { HubError } from '../errors.js';
import { listOf, TemplateChange, TemplateCreate, TemplateFull, TemplateView } from '../wire.js';
import type { TemplateFacts, Templates } from './bots.js';
import { faqLimit, pairsOf, wireOf } from './faq.js';
import { param, type Route, route } from './route.js';

export interface TemplateRoutesOptions {
  store: Pick<Store, 'bots' | 'faq' | 'files' | 'templates'>;
  templates: Templates;
  /** As in files.ts. */
  check: (path: string, bytes: Buffer) => Promise<ProjectFile>;
}

const factsOf = ({ pairs, files, ...facts }: TemplateFacts): object => ({
  ...facts,
  pairs: pairs.length,
  files: files.length,
});
const fullOf = ({ pairs, ...template }: TemplateFacts): object => ({ ...template, pairs: pairs.map(wireOf) });
const refuse = (pointer: string, detail: string): HubError =>
  new HubError('invalid', detail, { errors: [{ pointer, detail }] });

export function templateRoutes(options: TemplateRoutesOptions): Route[] {
  const { store, templates } = options;
  const found = async (name: string): Promise<TemplateFacts> => {
    const template = await templates.find(name);
    if (!template) throw new HubError('not_found', `There is no template ${name}.`);
    return template;
  };
  const own = async (name: string): Promise<TemplateFacts> => {
    const template = await found(name);
    if (!template.shipped) return template;
    throw new HubError('template_shipped', `${name} comes with the hub: POST one of your own under another name.`);
  };
  return [
    route({
      method: 'GET',
      path: '/templates',
      summary: 'What a new bot can be made from, by name.',
      access: 'member',
      answers: { 200: { description: 'All templates.', schema: listOf(TemplateView) } },
      handle: async () => ({ body: { items: (await templates.list()).map(factsOf), next: null } }),
    }),
    route({
      method: 'GET',
      path: '/templates/{name}',
      summary: 'One template, with the pairs and the project files that its bots start with.',
      access: 'member',
      answers: { 200: { description: 'The template.', schema: TemplateFull } },
      handle: async (asked) => ({ body: fullOf(await found(param(asked, 'name'))) }),
    }),
    route({
      method: 'POST',
      path: '/templates',
      summary: 'Add a template: of pairs, of a Rasa project, or all that a bot has (fromBot).',
      access: 'create',
      body: { schema: TemplateCreate, limit: faqLimit },
      answers: { 201: { description: 'The template.', schema: TemplateFull } },
      handle: async ({ body }) => {
        if (await templates.find(body.name))
          throw new HubError('template_exists', `There is a template ${body.name}: PUT it, or choose another name.`);
        const template = body.fromBot === undefined ? await madeOf(options, body) : await savedFrom(options, body);
        await store.templates.put(template);
        return { status: 201, headers: { location: `/api/v1/templates/${body.name}` }, body: fullOf(shown(template)) };
      },
    }),
    route({
      method: 'PUT',
      path: '/templates/{name}',
      summary: 'Replace a template that was added here. Bots that were made from it stay as they are.',
      access: 'create',
      body: { schema: TemplateChange, limit: faqLimit },
      answers: { 200: { description: 'The template.', schema: TemplateFull } },
      handle: async (asked) => {
        const { name } = await own(param(asked, 'name'));
        const template = await madeOf(options, { ...asked.body, name });
        await store.templates.put(template);
        return { body: fullOf(shown(template)) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/templates/{name}',
      summary: 'Remove a template that was added here. Bots that were made from it stay as they are.',
      access: 'create',
      answers: { 204: { description: 'It is gone.' } },
      handle: async (asked) => {
        await store.templates.remove((await own(param(asked, 'name'))).name);
        return { status: 204 };
      },
    }),
  ];
}

const shown = (template: StoredTemplate): TemplateFacts => ({ ...template, shipped: false });

type Made = z.infer<typeof TemplateChange> & { name: string };

/** A template from what the request says of it. */
async function madeOf({ check }: TemplateRoutesOptions, body: Made): Promise<StoredTemplate> {
  const { name, title, description, language = 'en', pairs = [], files = [] } = body;
  const pipeline = body.pipeline ?? (files.length > 0 ? 'project' : 'semantic');
  if (pairs.length === 0 && files.length === 0)
    throw refuse('/pairs', 'A template needs pairs or files, or fromBot: the APP_ID of a bot that has them.');
  if (pipeline === 'project' && !files.some(({ path }) => path === 'config.yml'))
    throw refuse('/files', 'The pipeline project needs the files of a Rasa project, config.yml among them.');
  const checked = await Promise.all(files.map(({ path, content }) => check(path, Buffer.from(content))));
  return {
    name,
    title: title ?? { en: name },
    description: description ?? {},
    language,
    pipeline,
    pairs: pairsOf(pairs),
    files: checked,
    updatedAt: new Date().toISOString(),
  };
}

/** A template of all that a bot starts from. */
async function savedFrom(
  { store }: TemplateRoutesOptions,
  { name, title, description, fromBot = '' }: z.infer<typeof TemplateCreate>,
): Promise<StoredTemplate> {
  const bot = await store.bots.get(fromBot);
  if (!bot) throw refuse('/fromBot', `There is no bot ${fromBot}.`);
  const [faq, files] = await Promise.all([store.faq.get(fromBot), store.files.read(fromBot)]);
  const { language, pipeline } = bot;
  return {
    name,
    title: title ?? { en: bot.name },
    description: description ?? {},
    language,
    pipeline,
    pairs: faq.pairs,
    files,
    updatedAt: new Date().toISOString(),
  };
}
