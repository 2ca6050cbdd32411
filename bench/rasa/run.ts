/**
 * `npm run bench:rasa`: plain `rasa train` / `rasa run` and ours side by side, in one run. Prints tables with ratios and writes
 * results.json beside this file's source (only when nothing was narrowed).
 *
 *   --only classic,semantic,story   some projects only    --quick   one bot, short loads, 20 epochs
 *   --full   also twenty plain processes and a hundred of ours (15 GB free memory)
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configOf } from '../../src/config.js';
import { provisionRasa } from '../../src/engines/rasa/provision.js';
import { type Epochs, faqProject, type RasaProject, storyProject } from '../../test/support/rasa-projects.js';
import { engineSide, hubSide, type Plan, plainSide, type Side } from './sides.js';
import { tableOf } from './table.js';

export interface Result {
  project: string;
  /** Which plain bot it is compared with: a semantic one has no plain counterpart but the classic one it replaces. */
  plainProject: string;
  plain: Side;
  ours: Side;
}

const projects: Record<string, (python: string, epochs: Epochs) => Promise<RasaProject>> = {
  classic: (_, epochs) => faqProject('shop-20', 'classic', epochs),
  semantic: (_, epochs) => faqProject('shop-20', 'semantic', epochs),
  story: (python, epochs) => storyProject(python, epochs),
};
const counterparts: Record<string, string> = { semantic: 'classic' };

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, quick: { type: 'boolean' }, full: { type: 'boolean' } },
  });
  const { cacheDir, rasaPython } = configOf(process.env);
  const progress = (words: string): void => console.error(words);
  const { python } = await provisionRasa({ cacheDir, env: process.env, rasaPython, progress });
  const plan: Plan = { python, seconds: values.quick ? 5 : 15, bursts: [1, 10, 50, 100], bots: [1] };
  const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const plains = new Map<string, Side>();
  const results: Result[] = [];
  const plainOf = async (name: string): Promise<Side> => {
    const known = plains.get(name);
    if (known) return known;
    progress(`plain ${name} …`);
    const { archive: _, ...side } = await plainSide(
      { ...plan, bots: values.full ? [1, 20] : [1] },
      await made(name),
      folder,
    );
    plains.set(name, side);
    return side;
  };
  const made = (name: string): Promise<RasaProject> => {
    const make = projects[name];
    if (!make) throw new Error(`There is no project ${name}: choose among ${Object.keys(projects).join(', ')}.`);
    return make(python, values.quick ? 20 : 'as written');
  };
  try {
    for (const name of values.only?.split(',') ?? Object.keys(projects)) {
      const project = await made(name);
      const plainProject = counterparts[name] ?? name;
      const plain = await plainOf(plainProject);
      progress(`ours, ${name}, through the hub …`);
      const { archive, trainSeconds, wake, bursts } = await hubSide(plan, project, folder);
      progress(`ours, ${name}, the engine alone …`);
      const bots = values.quick ? [1] : values.full ? [1, 20, 100] : [1, 20];
      const ours = { ...(await engineSide({ ...plan, bots }, project, archive)), trainSeconds, hub: { wake, bursts } };
      results.push({ project: name, plainProject, plain, ours });
      console.log(tableOf(results.slice(-1)));
    }
    if (!values.only && !values.quick)
      await writeFile(join('bench', 'rasa', 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
    console.log(JSON.stringify(results));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
