/** The sentence encoder, unpacked once per Python so that all bots map the same pages instead of each unpacking its own. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '../../child.js';

export interface EncoderOptions {
  python: string;
  /** The folder that holds `switchboard_rasa`. */
  packageDir: string;
  /** Where unpacked encoders are kept, shared by hubs of this user. */
  folder: string;
  env: Readonly<Record<string, string>>;
}

/**
 * Answers the variable that tells children where the unpacked encoder is. The first call for a Python takes a few seconds; where unpacking
 * fails (a project's own runtime may have no such encoder) it answers none, and a child that needs the encoder unpacks its own.
 */
export async function unpackedEncoder(options: EncoderOptions): Promise<Record<string, string>> {
  const { python, packageDir, folder } = options;
  const marker = join(folder, `${createHash('sha256').update(python).digest('hex').slice(0, 12)}.ready`);
  const variable = { SWITCHBOARD_ENCODER_CACHE: folder };
  if (existsSync(marker)) return variable;
  await mkdir(folder, { recursive: true });
  const child = startChild({
    command: python,
    args: ['-m', 'switchboard_rasa.encoder_cache', folder],
    cwd: folder,
    env: { ...options.env, PYTHONPATH: packageDir, HOME: folder },
  });
  if ((await child.exited).code !== 0) return {};
  await writeFile(marker, `${python}\n`);
  return variable;
}
