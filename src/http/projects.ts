/** Routes of whole Rasa projects: in as an archive, out as one. */
import { z } from 'zod';
import type { Bot, ProjectFile } from '../contracts.js';
import { BotView, ProjectImportView } from '../wire.js';
import { botOf, type BotRoutesOptions, botMaker } from './bots.js';
import type { FindingsOf } from './files.js';
import { type Route, route } from './route.js';
import { uploadOf, uploadTypes } from './upload.js';

interface ImportedProject {
  files: number;
  notes: string[];
}
interface PreparedProject {
  files: ProjectFile[];
  language: string | null;
  runtime: string | null;
  folder: string | null;
}
export interface ProjectRoutesOptions<P extends PreparedProject> extends BotRoutesOptions {
  projects: {
    prepare(archive: Buffer): Promise<P>;
    fill(bot: Bot, project: P): Promise<ImportedProject>;
    replace(bot: Bot, project: P): Promise<ImportedProject>;
    pack(bot: Bot): Promise<AsyncIterable<Buffer>>;
  };
  findings: FindingsOf;
}

const archiveLimit = 50_000_000;
const archives = uploadTypes('application/zip', 'application/gzip');
const ImportQuery = z.object({
  name: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'of the new bot; that of the project when absent' }),
});
/** What an imported bot is called when nobody says. */
const nameOf = (project: PreparedProject, file: string): string =>
  project.folder?.split('/').at(-1) ?? (file.replace(/(\.tar)?\.\w+$/, '').trim() || 'Imported bot');

export function projectRoutes<P extends PreparedProject>(options: ProjectRoutesOptions<P>): Route[] {
  const { store, projects } = options;
  const maker = botMaker(options);
  const body = { schema: z.instanceof(Buffer), raw: true, limit: archiveLimit, types: archives };
  return [
    route({
      method: 'POST',
      path: '/bots/import',
      summary:
        'Make a bot from a Rasa 3 project: a zip or tar.gz, in a form field "file" or as the body. All of it, or nothing and every fault with file and line. Its credentials.yml sets up channels.',
      access: 'create',
      query: ImportQuery,
      body,
      answers: {
        201: { description: 'The new bot, not trained yet.', schema: BotView.extend({ imported: ProjectImportView }) },
      },
      handle: async (asked) => {
        const upload = await uploadOf(asked);
        const project = await projects.prepare(upload.bytes);
        const name = asked.query.name ?? upload.fields['name']?.trim().slice(0, 200);
        const bot = await maker.newBot({
          name: name || nameOf(project, upload.name).slice(0, 200),
          pipeline: 'project',
          ...(project.language && { language: project.language }),
          runtime: project.runtime,
        });
        const findings = await options.findings(bot, { files: project.files, replace: true, gone: asked.gone() });
        const imported = await maker.create(bot, () => projects.fill(bot, project), project.files);
        const made = (await store.bots.get(bot.appId)) ?? bot;
        const headers = { location: `/api/v1/bots/${bot.appId}` };
        return {
          status: 201,
          headers,
          body: { ...((await maker.present(made)) as object), imported: { ...imported, findings } },
        };
      },
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/project',
      summary:
        "Replace the bot's Rasa project by that of an archive: all of it, or nothing and every fault with file and line. Its channels stay; train to have it answer.",
      access: 'build',
      body,
      answers: { 200: { description: 'It is replaced.', schema: ProjectImportView } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        const { bytes } = await uploadOf(asked);
        const project = await projects.prepare(bytes);
        const findings = await options.findings(bot, { files: project.files, replace: true, gone: asked.gone() });
        return { body: { ...(await projects.replace(bot, project)), findings } };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/export',
      summary:
        'What the bot is trained from, as a tar.gz of a Rasa project that trains with plain `rasa train`. No secrets.',
      access: 'read',
      answers: { 200: { description: 'The archive.', type: 'application/gzip' } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        const headers = {
          'content-type': 'application/gzip',
          'content-disposition': `attachment; filename="${bot.appId}.tar.gz"`,
        };
        return { headers, stream: await projects.pack(bot) };
      },
    }),
  ];
}
