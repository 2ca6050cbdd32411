/** Which of the Rasa installations here has what a project's requirements.txt asks for: each is asked, in a short process of its own. */
import { join } from 'node:path';
import { z } from 'zod';
import { startChild } from '../../child.js';

export interface RequirementsOptions {
  /** Pythons with Rasa by name; '' is the default one. */
  pythons: Readonly<Record<string, string>>;
  /** The folder that holds `switchboard_rasa`. */
  packageDir: string;
  /** Where they run. */
  cwd: string;
  env: Readonly<Record<string, string>>;
}
/** `runtime`: null for the default installation. `missing`: in words, each with its line. */
export interface RuntimeChoice {
  runtime: string | null;
  missing: string[];
}

const limitMs = 20_000;
const longestText = 100_000;
const Said = z.object({
  missing: z.array(z.object({ line: z.number(), text: z.string(), installed: z.string().nullable() })),
});
type Missing = z.infer<typeof Said>['missing'];

/** Answers for the text of a requirements.txt the installation that lacks least, the default one among equals. */
export function createRuntimeFor(options: RequirementsOptions): (requirements: string) => Promise<RuntimeChoice> {
  return async (requirements) => {
    const text = requirements.slice(0, longestText);
    const names = Object.keys(options.pythons).sort();
    const asked = await Promise.all(
      names.map(async (name) => ({ name, missing: await missingIn(options, name, text) })),
    );
    const answered = asked.filter((one): one is { name: string; missing: Missing } => one.missing !== null);
    const [best] = answered.sort((a, b) => a.missing.length - b.missing.length);
    if (!best) return { runtime: null, missing: [] };
    return { runtime: best.name || null, missing: best.missing.map(wordsOf) };
  };
}

function wordsOf({ line, text, installed }: Missing[number]): string {
  return `line ${line}, ${text}${installed === null ? '' : ` (${installed} is there)`}`;
}

/** Null when that Python does not answer. */
async function missingIn(
  { pythons, packageDir, cwd, env }: RequirementsOptions,
  name: string,
  text: string,
): Promise<Missing | null> {
  let answer: Missing | null = null;
  const child = startChild({
    command: pythons[name] ?? '',
    args: ['-I', join(packageDir, 'switchboard_rasa', 'requirements.py')],
    cwd,
    env,
    stdinLine: JSON.stringify(text),
    maxLine: 1_000_000,
    onStdoutLine: (line) => (answer = answerIn(line) ?? answer),
  });
  const timer = setTimeout(() => void child.stop(0), limitMs);
  await child.exited;
  clearTimeout(timer);
  return answer;
}

function answerIn(line: string): Missing | null {
  try {
    return Said.safeParse(JSON.parse(line)).data?.missing ?? null;
  } catch {
    return null;
  }
}
