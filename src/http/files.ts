/** Routes of a bot's Rasa project, file by file: domain, stories, rules, config, and actions where the operator allows Python. */
import { z } from 'zod';
import type { ProjectFile, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { listOf } from '../wire.js';
import { botOf } from './bots.js';
import { param, type Route, route } from './route.js';

export interface FileRoutesOptions {
  store: Pick<Store, 'bots' | 'files'>;
  /** CUSTOM_CODE: may projects bring Python? */
  customCode: boolean;
  /** What is wrong with a file beyond its name, in words; null: nothing. */
  faultIn: (file: ProjectFile) => string | null;
}

const fileLimit = 5_000_000;
const mostFiles = 2000;
const kinds = /\.(ya?ml|json|md|txt|csv|py)$/;
const FileView = z.object({ path: z.string() }).meta({ id: 'ProjectFile' });

/** Why a project can have no file of this name, in words; null when it can. */
export function pathFault(path: string): string | null {
  if (path.length > 200) return 'at most 200 characters';
  const steps = path.split('/');
  const plain = steps.every((step) => /^[\p{L}\p{N}_][\p{L}\p{N}_ .-]*$/u.test(step) && !step.endsWith('.'));
  if (!plain || steps.length > 8)
    return 'a relative path of letters, digits, blanks, "_", "-" and ".", with "/" between, such as data/nlu.yml';
  return kinds.test(path) ? null : 'a file of a Rasa project ends in .yml, .json, .md, .txt, .csv or .py';
}

/** Why Python is refused. */
export const codeRefusal = (path: string): string =>
  `${path} is Python, which this hub does not run for its bots. Whoever runs the hub can allow it (CUSTOM_CODE=on); or name an action server in endpoints.yml.`;

export function fileRoutes(options: FileRoutesOptions): Route[] {
  const { store, customCode, faultIn } = options;
  const refuse = (pointer: string, detail: string): never => {
    throw new HubError('invalid', detail, { errors: [{ pointer, detail }] });
  };
  const checked = (path: string, bytes: Buffer): ProjectFile => {
    const fault = pathFault(path);
    if (fault) refuse('/path', `The file's path does not fit: ${fault}.`);
    if (path.endsWith('.py') && !customCode) refuse('/path', codeRefusal(path));
    const content = bytes.toString('utf8');
    if (content.includes('\0') || !Buffer.from(content).equals(bytes))
      refuse('/', `${path} is not text in UTF-8: save it as UTF-8 and send it again.`);
    const wrong = faultIn({ path, content });
    if (wrong) refuse('/', wrong);
    return { path, content };
  };
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
      access: 'admin',
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
      access: 'admin',
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
      summary: 'Write one file; it counts from the next training on, for a bot whose pipeline is project.',
      access: 'admin',
      body: { schema: z.instanceof(Buffer), raw: true, limit: fileLimit },
      answers: { 200: { description: 'It is written.', schema: FileView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const file = checked(param(asked, 'path'), asked.body);
        const paths = await store.files.list(appId);
        if (paths.length >= mostFiles && !paths.includes(file.path))
          refuse('/path', `The project has ${mostFiles} files, which is the most: remove one first.`);
        await store.files.write(appId, [file]);
        return { body: { path: file.path } };
      },
    }),
    route({
      method: 'DELETE',
      path: '/bots/{appId}/files/{path}',
      summary: 'Remove one file.',
      access: 'admin',
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
