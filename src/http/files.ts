/** Routes of a bot's Rasa project, file by file: domain, stories, rules, config, and actions where the operator allows Python. */
import { z } from 'zod';
import type { Bot, ProjectFile, ProjectFinding, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { FindingsView, listOf } from '../wire.js';
import { botOf } from './bots.js';
import { param, type Route, route } from './route.js';

export interface FileRoutesOptions {
  store: Pick<Store, 'bots' | 'files'>;
  /** The file as it is kept; rejects with `invalid` when its name or its text does not fit, with the line. */
  check: (path: string, bytes: Buffer) => Promise<ProjectFile>;
  findings: FindingsOf;
}
/**
 * What Rasa's validator says of the bot's project with these files in it, or in place of all it has (`replace`); null when it could not say
 * in the time that a save may take. Rejects with `invalid`, naming the line, for a file that Rasa can't read.
 */
export type FindingsOf = (
  bot: Bot,
  saving: { files: ProjectFile[]; replace?: boolean; gone: AbortSignal },
) => Promise<ProjectFinding[] | null>;

const fileLimit = 5_000_000;
const mostFiles = 2000;
const FileView = z.object({ path: z.string() }).meta({ id: 'ProjectFile' });

const full = (): HubError => {
  const detail = `The project has ${mostFiles} files, which is the most: remove one first.`;
  return new HubError('invalid', detail, { errors: [{ pointer: '/path', detail }] });
};

export function fileRoutes(options: FileRoutesOptions): Route[] {
  const { store, check, findings: findingsOf } = options;
  const found = async (appId: string, path: string): Promise<ProjectFile> => {
    const file = (await store.files.read(appId)).find((one) => one.path === path);
    if (!file) throw new HubError('not_found', `The bot has no file ${path}.`);
    return file;
  };
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/files',
      summary: "The files of the bot's Rasa project, by path.",
      access: 'read',
      answers: { 200: { description: 'All of them.', schema: listOf(FileView) } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        return { body: { items: (await store.files.list(appId)).map((path) => ({ path })), next: null } };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/files/{path}',
      summary: 'One file, as it was written.',
      access: 'read',
      answers: { 200: { description: 'The file.', type: 'text/plain' } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { content } = await found(appId, param(asked, 'path'));
        return { headers: { 'content-type': 'text/plain; charset=utf-8' }, text: content };
      },
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/files/{path}',
      summary:
        "Write one file; it counts from the next training on, for a bot whose pipeline is project. What Rasa can't read is refused with its line; what its validator finds beside is told, and the file is kept.",
      access: 'build',
      body: { schema: z.instanceof(Buffer), raw: true, limit: fileLimit },
      answers: { 200: { description: 'It is written.', schema: FileView.extend({ findings: FindingsView }) } },
      handle: async (asked) => {
        const bot = await botOf(store, asked);
        const file = await check(param(asked, 'path'), asked.body);
        const paths = await store.files.list(bot.appId);
        if (paths.length >= mostFiles && !paths.includes(file.path)) throw full();
        const findings = await findingsOf(bot, { files: [file], gone: asked.gone() });
        await store.files.write(bot.appId, [file]);
        return { body: { path: file.path, findings } };
      },
    }),
    route({
      method: 'DELETE',
      path: '/bots/{appId}/files/{path}',
      summary: 'Remove one file.',
      access: 'build',
      answers: { 204: { description: 'It is gone.' } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const path = param(asked, 'path');
        if (!(await store.files.remove(appId, path))) throw new HubError('not_found', `The bot has no file ${path}.`);
        return { status: 204 };
      },
    }),
  ];
}
