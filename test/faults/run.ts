/**
 * `npm run faults [F1 F15 …] [--short] [--minutes N] [--faults N] [--seed N] [--store mongo] [--connectors real]`: breaks the hub in every way that RELIABILITY's catalogue names and prints
 * one table.
 * Exit code 1 when anything did not hold.
 */
import { parseArgs } from 'node:util';
import { configOf } from '../../src/config.js';
import { provisionRasa } from '../../src/engines/rasa/provision.js';
import type { Counts } from './checker.js';
import type { Finding, Scenario } from './rig.js';
import { scenarios } from './scenarios/index.js';

interface Asked {
  ids: string[];
  short: boolean;
  minutes: number | undefined;
  faults: number | undefined;
  seed: number;
  store: 'sqlite' | 'mongo';
  connectors: 'real' | undefined;
}
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Throws in words for what it does not know: to run the whole catalogue by mistake takes half an hour. */
function askedFor(args: string[]): Asked {
  const options = {
    short: { type: 'boolean' },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    faults: { type: 'string' },
    store: { type: 'string' },
    connectors: { type: 'string' },
  } as const;
  const { values, positionals: ids } = parseArgs({ args, options, allowPositionals: true });
  const known = scenarios.map(({ id }) => id);
  const wrong = ids.filter((id) => !known.includes(id));
  if (wrong.length > 0) throw new Error(`There is no ${wrong.join(', ')}; there are ${known.join(' ')}.`);
  return {
    ids,
    short: values.short ?? false,
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
    faults: values.faults === undefined ? undefined : Number(values.faults),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed),
    store: values.store === 'mongo' ? 'mongo' : 'sqlite',
    connectors: values.connectors === 'real' ? 'real' : undefined,
  };
}

async function pythonFor(chosen: Scenario[]): Promise<string | null> {
  if (!chosen.some((scenario) => scenario.needsRasa)) return null;
  const { env } = process;
  if (env['SWITCHBOARD_TEST_PYTHON']) return env['SWITCHBOARD_TEST_PYTHON'];
  const progress = (words: string): void => say(words);
  const rasaPython = env['RASA_PYTHON'] ?? null;
  return (await provisionRasa({ cacheDir: configOf(env).cacheDir, env, rasaPython, progress })).python;
}

const columns: [title: string, of: (counts: Counts) => number][] = [
  ['ok', ({ ok }) => ok],
  ['lost', ({ lost }) => lost],
  ['duplicated', ({ duplicated }) => duplicated],
  ['unexpected', ({ unexpected }) => unexpected],
  ['out of order', ({ outOfOrder }) => outOfOrder],
];

function rowOf(scenario: Scenario, finding: Finding, seconds: number): string {
  const { faults, counts, notes, failures } = finding;
  const cells = [
    `${scenario.id} ${scenario.title}`,
    String(faults),
    ...columns.map(([, of]) => String(of(counts))),
    [...notes, `${Math.round(seconds)} s`].join('; '),
    failures.length === 0 ? 'holds' : `FAILS: ${failures.join('; ')}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

async function main(): Promise<boolean> {
  const { ids, short, minutes, faults, seed, store, connectors } = askedFor(process.argv.slice(2));
  const able = scenarios.filter(
    ({ onlySqlite, onlyReal }) => (!onlySqlite || store === 'sqlite') && (!onlyReal || connectors === 'real'),
  );
  const chosen = able.filter(({ id }) => ids.length === 0 || ids.includes(id));
  const options = { seed, short, minutes, faults, store, connectors, python: await pythonFor(chosen) };
  say(`seed ${seed}, store ${store}, ${connectors ?? 'stand-in'} connectors`);
  const titles = ['scenario', 'faults', ...columns.map(([title]) => title), 'figures', 'verdict'];
  say(`| ${titles.join(' | ')} |\n|${titles.map(() => '---|').join('')}`);
  let good = true;
  for (const scenario of chosen) {
    const started = performance.now();
    try {
      const finding = await scenario.run(options);
      good &&= finding.failures.length === 0;
      say(rowOf(scenario, finding, (performance.now() - started) / 1000));
    } catch (error) {
      good = false;
      say(
        `| ${scenario.id} ${scenario.title} | | | | | | | | FAILS: ${error instanceof Error ? error.message : String(error)} |`,
      );
    }
  }
  return good;
}

process.exitCode = (await main()) ? 0 : 1;
