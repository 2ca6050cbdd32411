/**
 * `npm run bench:rasa`: plain `rasa train` / `rasa run` and ours side by side, in one run. Prints tables with ratios and writes
 * results.json beside this file's source (only when nothing was narrowed).
 *
 *   --only classic,semantic,story   some projects only    --quick   one bot, short loads, 20 epochs
 *   --full   also twenty plain processes and a hundred of ours, as far as the machine's memory goes
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configOf } from '../../src/config.js';
import { provisionRasa } from '../../src/engines/rasa/provision.js';
import { plainTrain } from '../../test/support/plain-rasa.js';
import { type Epochs, faqProject, type RasaProject, storyProject } from '../../test/support/rasa-projects.js';
import { type Duel, duel } from './duel.js';
import { engineSide, hubSide, plainSide, type Up } from './sides.js';
import { tableOf } from './table.js';

type Figures = Pick<Up, 'ready' | 'firstReply' | 'memory' | 'privateMemory'> & { trainSeconds: number };
export interface Result {
  project: string;
  /** Which plain bot it is compared with: a semantic one has no plain counterpart but the classic one it replaces. */
  plainProject: string;
  plain: Figures;
  ours: Figures;
  /** Seconds of our hub's first training; `ours.trainSeconds` is of a later one. */
  firstTrainSeconds: number;
  /** Asleep to first reply through the hub, milliseconds. */
  wake: number;
  duel: Duel;
}
interface Plan {
  python: string;
  folder: string;
  epochs: Epochs;
  load: { seconds: number; bursts: number[] };
  bots: { plain: number[]; ours: number[] };
}

const projects: Record<string, (python: string, epochs: Epochs) => Promise<RasaProject>> = {
  classic: (_, epochs) => faqProject('shop-20', 'classic', epochs),
  semantic: (_, epochs) => faqProject('shop-20', 'semantic', epochs),
  story: (python, epochs) => storyProject(python, epochs),
};
const counterparts: Record<string, string> = { semantic: 'classic' };
const say = (words: string): void => console.error(words);

function made(name: string, { python, epochs }: Plan): Promise<RasaProject> {
  const make = projects[name];
  if (!make) throw new Error(`There is no project ${name}: choose among ${Object.keys(projects).join(', ')}.`);
  return make(python, epochs);
}

/** Plain training of a project, once a run. */
function plainTrainings(
  plan: Plan,
): (name: string) => Promise<{ project: RasaProject; archive: string; seconds: number }> {
  const known = new Map<string, { project: RasaProject; archive: string; seconds: number }>();
  return async (name) => {
    let found = known.get(name);
    if (!found) {
      say(`${name}: rasa train`);
      const project = await made(name, plan);
      const archive = join(plan.folder, `plain-${name}.tar.gz`);
      found = { project, archive, seconds: await plainTrain(plan.python, project, archive) };
      known.set(name, found);
    }
    return found;
  };
}

/** Until the answer is called: a signal ends what is up, tidily, and then this process. */
function endedEarly(up: readonly { stop(): Promise<void> }[]): () => void {
  const end = (): void => void Promise.all(up.map((side) => side.stop())).finally(() => process.exit(1));
  process.once('SIGINT', end).once('SIGTERM', end);
  return () => void process.off('SIGINT', end).off('SIGTERM', end);
}

async function measure(name: string, plan: Plan, trainedPlainly: ReturnType<typeof plainTrainings>): Promise<Result> {
  const project = await made(name, plan);
  const plainProject = counterparts[name] ?? name;
  const theirs = await trainedPlainly(plainProject);
  const up: { stop(): Promise<void> }[] = [];
  const opened = async <T extends { stop(): Promise<void> }>(words: string, side: Promise<T>): Promise<T> => {
    say(`${name}: ${words}`);
    const it = await side;
    up.push(it);
    return it;
  };
  const ended = endedEarly(up);
  try {
    const hub = await opened('our hub trains and wakes', hubSide(plan.python, project, plan.folder));
    const ours = await opened('our engine', engineSide(plan.python, project, hub.archive));
    const plain = await opened('rasa run', plainSide(plan.python, theirs.project, theirs.archive));
    say(`${name}: side by side`);
    const against = await duel({ plain, ours, hub }, project.questions, plan.load);
    for (const count of plan.bots.ours) await ours.grow(count);
    for (const count of plan.bots.plain) await plain.grow(count);
    const figures = ({ ready, firstReply, memory, privateMemory }: Up, trainSeconds: number): Figures => ({
      ready,
      firstReply,
      memory,
      privateMemory,
      trainSeconds,
    });
    return {
      project: name,
      plainProject,
      plain: figures(plain, theirs.seconds),
      ours: figures(ours, hub.trainSeconds),
      firstTrainSeconds: hub.firstTrainSeconds,
      wake: hub.wake,
      duel: against,
    };
  } finally {
    ended();
    for (const side of up.reverse()) await side.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, quick: { type: 'boolean' }, full: { type: 'boolean' } },
  });
  const { quick = false, full = false } = values;
  const { cacheDir, rasaPython } = configOf(process.env);
  const { python } = await provisionRasa({ cacheDir, env: process.env, rasaPython, progress: say });
  const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const plan: Plan = {
    python,
    folder,
    epochs: quick ? 20 : 'as written',
    load: { seconds: quick ? 3 : 10, bursts: [1, 10, 50, 100] },
    bots: { plain: full ? [20] : [], ours: quick ? [] : full ? [20, 100] : [20] },
  };
  const trainedPlainly = plainTrainings(plan);
  const results: Result[] = [];
  try {
    for (const name of values.only?.split(',') ?? Object.keys(projects)) {
      results.push(await measure(name, plan, trainedPlainly));
      console.log(tableOf(results.slice(-1)));
    }
    if (!values.only && !quick)
      await writeFile(join('bench', 'rasa', 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
    console.log(JSON.stringify(results));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
