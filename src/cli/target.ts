/** Which hub a command speaks to, and with which key: by option, environment, the user's file, or the hub of this machine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { CliError, exitCodes } from './output.js';

export interface TargetOptions {
  hub?: string | undefined;
  config?: string | undefined;
}
export type Environment = Record<string, string | undefined>;
export interface Target {
  url: string;
  key: string;
  /** In words: where the key came from, without the key. */
  keyFrom: string;
}

const File = z.strictObject({ hub: z.url().optional(), key: z.string().optional() });

/** The user's file: `hub:` and `key:`, both optional. */
export function configPath(env: Environment): string {
  const home = env['HOME'] ?? env['USERPROFILE'] ?? '.';
  return env['SWITCHBOARD_CONFIG'] ?? join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'switchboard', 'cli.yml');
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new CliError(`${path} cannot be read: ${(error as Error).message}.`, exitCodes.config);
  }
}

function fileAt(path: string, named: boolean): z.infer<typeof File> {
  const text = textOf(path);
  if (text === null && named) throw new CliError(`There is no file ${path}.`, exitCodes.config);
  const result = File.safeParse(yamlIn(text ?? '', path) ?? {});
  if (result.success) return result.data;
  const [fault] = result.error.issues;
  throw new CliError(
    `${path} does not fit at ${fault?.path.join('.') ?? ''}: ${fault?.message ?? ''}.`,
    exitCodes.config,
  );
}
function yamlIn(text: string, path: string): unknown {
  try {
    return parse(text) as unknown;
  } catch (error) {
    throw new CliError(`${path} is not YAML: ${(error as Error).message}`, exitCodes.config);
  }
}

/** Throws `CliError` when no key is found, or a file does not fit. */
export function targetOf(options: TargetOptions, env: Environment): Target {
  const path = options.config ?? configPath(env);
  const file = fileAt(path, options.config !== undefined);
  const local = `http://127.0.0.1:${env['PORT'] ?? '5005'}`;
  const url = options.hub ?? env['HUB_URL']?.split(',')[0]?.trim() ?? file.hub ?? local;
  if (!URL.canParse(url))
    throw new CliError(`${url} is not a URL: give one such as http://127.0.0.1:5005.`, exitCodes.config);
  const named = env['HUB_KEY_FILE'];
  const own = join(env['DATA_DIR'] ?? 'data', 'admin-token');
  const ways: [() => string | null | undefined, string][] = [
    [() => env['HUB_KEY'], 'HUB_KEY'],
    [() => (named === undefined ? null : textOf(named)), 'the file of HUB_KEY_FILE'],
    // Of the hub that the file names, where it names one.
    [() => (file.hub === undefined || file.hub === url ? file.key : null), path],
    // Of the hub of this machine, and shown to no other.
    [() => (isLocal(url) ? (env['ADMIN_TOKEN'] ?? textOf(own)) : null), own],
  ];
  for (const [read, keyFrom] of ways) {
    const key = read()?.trim();
    if (key) return { url, key, keyFrom };
  }
  throw new CliError(`There is no key for ${url}: set HUB_KEY, or write "key: …" into ${path}.`, exitCodes.config);
}

const isLocal = (url: string): boolean => /^(?:127(?:\.\d+){3}|localhost|\[::1\])$/.test(new URL(url).hostname);
