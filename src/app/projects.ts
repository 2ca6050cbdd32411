/** Wires the import and export of Rasa projects. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.js';
import type { ProjectFile } from '../contracts.js';
import { actionEndpointOf } from '../engines/rasa/action-endpoint.js';
import { bringsActions } from '../engines/rasa/actions.js';
import { createRuntimeFor } from '../engines/rasa/requirements.js';
import { HubError } from '../errors.js';
import type { Channels } from '../hub/channels.js';
import type { File } from '../training/import/archive.js';
import { createProjects, type Projects } from '../training/import/import.js';
import type { Allowed } from '../training/import/reach.js';
import { createProjectReader } from '../training/import/thread.js';
import { wholeProjectOf } from '../training/languages.js';
import { contentOf } from '../training/snapshot.js';
import { packageDir, type Parts } from './parts.js';

/** Answers how one file of a project is checked before it is kept. */
export type CheckFile = (path: string, bytes: Buffer) => Promise<ProjectFile>;

export function openProjects(
  parts: Parts,
  { channels }: { channels: Channels },
): { projects: Projects; check: CheckFile } {
  const { store, options, templates, egress } = parts;
  const { customCode } = options.config;
  const reader = createProjectReader(allowedIn(options.config));
  const endpointFault = (files: readonly ProjectFile[]): string | null => {
    const found = actionEndpointOf(files, egress);
    return found && 'fault' in found ? found.fault : null;
  };
  const projects = createProjects({
    reader,
    store,
    // Actions of the project's own are run here, wherever its endpoints.yml looks for them.
    endpointFault: (files) => (customCode && bringsActions(files) ? null : endpointFault(files)),
    runtimeFor: runtimeForOf(parts),
    setChannel: (bot, name, settings) => channels.put(bot, name, settings),
    contentOf: (bot) => contentOf(store, bot, null),
    projectOf: (content) => wholeProjectOf(content, templates),
    packageFiles,
  });
  return {
    projects,
    check: async (path, bytes) => {
      const file = await reader.file(path, bytes);
      const fault = endpointFault([file]);
      if (fault) throw new HubError('invalid', fault, { errors: [{ pointer: '/', detail: fault }] });
      return file;
    },
  };
}

/** What this hub's operator has opened to projects. */
export const allowedIn = ({ customCode, egressAllow: hosts }: Config): Allowed => ({ customCode, hosts });

function runtimeForOf({ options, runtimeDir }: Parts): ReturnType<typeof createRuntimeFor> | null {
  const { config, rasa } = options;
  if (!('python' in rasa)) return null;
  const pythons = { '': rasa.python, ...config.rasaRuntimes };
  return createRuntimeFor({ pythons, packageDir, cwd: runtimeDir, env: config.childEnv });
}

/** Our Python package, as it is copied into exports. */
async function packageFiles(): Promise<File[]> {
  const folder = join(packageDir, 'switchboard_rasa');
  const names = (await readdir(folder)).filter((name) => /\.(py|txt)$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({ path: `switchboard_rasa/${name}`, bytes: await readFile(join(folder, name)) })),
  );
}
