/**
 * `npm run bench:nodes`: bots on one node and on two, through a hub that runs none itself.
 *
 *   bursts       1, 10, 50 and 100 requests within one second, each with a text that never came before, beside the figures published for
 *                Rasa on Kubernetes
 *   hold         100 requests a second for a while
 *   throughput   callers who ask as soon as they were answered, with each node held to a part of a core (the hub and the callers are not), on
 *                one node and on two in turn
 *
 *   --only bursts,hold,throughput   some of it   --pipeline semantic | classic   of the bots   --nodes 1,2   for bursts and hold
 *   --rounds 3   of each burst, and pairs of throughput   --hold 60   seconds   --seconds 10   of a run of throughput   --share 0.4   of a core
 *   --bots 3     in the mix of throughput
 */
import { parseArgs } from 'node:util';
import { configOf } from '../../src/config.js';
import { provisionRasa } from '../../src/engines/rasa/provision.js';
import { type Ask, burst, load, median, paced, type Waits, waitsOf } from '../rasa/load.js';
import { openPlace, type Place } from './place.js';
import { hold, type Quota } from './quota.js';

const { values: asked } = parseArgs({
  options: {
    only: { type: 'string', default: 'bursts,hold,throughput' },
    pipeline: { type: 'string', default: 'semantic' },
    nodes: { type: 'string', default: '1,2' },
    rounds: { type: 'string', default: '3' },
    hold: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '10' },
    share: { type: 'string', default: '0.4' },
    bots: { type: 'string', default: '3' },
  },
});
const only = asked.only.split(',');
const rounds = Number(asked.rounds);
const seconds = Number(asked.seconds);
/** Seconds from asking to the reply, as published (MISSION, row B3), by nodes and requests within one second. */
const published: Record<number, Record<number, string>> = {
  1: { 1: '0.5–0.7', 10: '2.5–3.4', 50: '12.5–14.2', 100: '27–29' },
  2: { 1: '0.5–0.7', 10: '0.5–1.4', 50: '3.9–6', 100: '8–11.2' },
};
const bursts = [1, 10, 50, 100];
const heldPerSecond = 100;
/** What is asked of it: milliseconds of a burst of 100, and how much more two nodes do than one. */
const wanted = { p50: 500, max: 3000, ratio: 1.8 };
/** Each asks four at a time. */
const callers = 4;
/** Graphs of networks are traced after the first messages. */
const warmSeconds = asked.pipeline === 'classic' ? 15 : 3;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const inSeconds = (ms: number): string => (ms / 1000).toFixed(3);
const failures: string[] = [];
function judge(holds: boolean, words: string): void {
  if (!holds) failures.push(words);
  say(`${words}: ${holds ? 'holds' : 'DOES NOT HOLD'}`);
}

async function burstTable(place: Place, nodes: number): Promise<void> {
  say(
    `\n| nodes | requests in a second | published, s | median, s | longest, s | longest of each round, s |\n|---|---|---|---|---|---|`,
  );
  for (const count of bursts) {
    const found: Waits[] = [];
    for (let round = 0; round < rounds; round += 1) found.push(await burst(place.ask, place.texts, count));
    const [p50, max] = [median(found.map((one) => one.p50)), median(found.map((one) => one.max))];
    const each = found.map((one) => inSeconds(one.max)).join(', ');
    say(
      `| ${nodes} | ${count} | ${published[nodes]?.[count] ?? '-'} | ${inSeconds(p50)} | ${inSeconds(max)} | ${each} |`,
    );
    if (count === 100)
      judge(p50 <= wanted.p50 && max <= wanted.max, `${nodes} node(s): 100 in a second within 3 s, median 0.5 s`);
  }
}

async function held(place: Place, nodes: number): Promise<void> {
  const lasts = Number(asked.hold);
  let failed = 0;
  const counting: Ask = (sender, text) => place.ask(sender, text).catch(() => (failed += 1));
  const began = performance.now();
  const times = await paced(counting, place.texts, { count: heldPerSecond * lasts, seconds: lasts });
  const over = (performance.now() - began) / 1000 - lasts;
  const { p50, max } = waitsOf(times);
  const p95 = [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0;
  say(
    `\n${nodes} node(s), ${heldPerSecond} a second for ${lasts} s: ${times.length - failed} answered, ${failed} failed; ` +
      `median ${inSeconds(p50)} s, 95 % ${inSeconds(p95)} s, longest ${inSeconds(max)} s; the last ${over.toFixed(2)} s after its second`,
  );
  judge(failed === 0 && max <= wanted.max, `${nodes} node(s): ${heldPerSecond} replies a second held`);
}

/** Replies a second, and what each node used of a core meanwhile. */
async function throughput(place: Place, quotas: Quota[]): Promise<{ perSecond: number; shares: number[] }> {
  const before = quotas.map((quota) => quota.used());
  const began = performance.now();
  const crowd =
    (who: number): Ask =>
    (sender, text) =>
      place.mixed(`${who}-${sender}`, `${text} ${who}`);
  const each = await Promise.all(Array.from({ length: callers }, (_, who) => load(crowd(who), place.texts, seconds)));
  const ms = performance.now() - began;
  return {
    perSecond: (each.reduce((sum, { replies }) => sum + replies, 0) * 1000) / ms,
    shares: quotas.map((quota, at) => (quota.used() - (before[at] ?? 0)) / ms),
  };
}

async function pairs(place: Place): Promise<void> {
  const share = Number(asked.share);
  const found: Record<number, number[]> = { 1: [], 2: [] };
  say(`\nheld to ${share} of a core each, ${asked.bots} ${asked.pipeline} bots, ${4 * callers} callers`);
  say('| round | nodes | replies a second | of a core that each node used |\n|---|---|---|---|');
  for (let round = 1; round <= rounds; round += 1) {
    for (const nodes of [1, 2]) {
      await place.use(nodes);
      const quotas = place.nodes.map(({ pid }) => hold(pid, share));
      try {
        // The first second is that of what is read and compiled anew.
        await load(place.mixed, place.texts, 2);
        const { perSecond, shares } = await throughput(place, quotas);
        found[nodes]?.push(perSecond);
        say(`| ${round} | ${nodes} | ${perSecond.toFixed(1)} | ${shares.map((one) => one.toFixed(2)).join(', ')} |`);
      } finally {
        for (const quota of quotas) await quota.release();
      }
    }
  }
  const [one, two] = [1, 2].map((nodes) => median(found[nodes] ?? []));
  const ratio = (two ?? 0) / (one ?? 1);
  say(`medians ${one?.toFixed(1)} and ${two?.toFixed(1)} a second: ${ratio.toFixed(2)}x`);
  judge(ratio >= wanted.ratio, `two nodes do ${wanted.ratio} times as much as one`);
}

async function main(): Promise<void> {
  const { cacheDir, rasaPython } = configOf(process.env);
  const given = process.env['SWITCHBOARD_TEST_PYTHON'] ?? rasaPython;
  const { python } = await provisionRasa({ cacheDir, env: process.env, rasaPython: given, progress: say });
  const counts = asked.nodes.split(',').map(Number);
  const mixes = only.includes('throughput');
  const nodes = Math.max(...counts, mixes ? 2 : 1);
  const place = await openPlace({
    ...{ python, pipeline: asked.pipeline, nodes, say },
    bots: mixes ? Number(asked.bots) : 1,
  });
  const end = (): void => void place.stop().finally(() => process.exit(1));
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    for (const count of only.some((one) => one !== 'throughput') ? counts : []) {
      await place.use(count);
      await load(place.ask, place.texts, warmSeconds);
      if (only.includes('bursts')) await burstTable(place, count);
      if (only.includes('hold')) await held(place, count);
    }
    if (mixes) await pairs(place);
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
    await place.stop();
  }
  if (failures.length > 0) process.exitCode = 1;
}

await main();
