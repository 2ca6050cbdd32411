/** The hub dies: F1 by kill -9, F22 by SIGTERM. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  basics,
  type Finding,
  quantile,
  type Rig,
  type RigOptions,
  type Scenario,
  type Settings,
  speed,
  withRig,
} from '../rig.js';

/** A hub that is killed so soon after the platform took a reply may not have noted that yet. */
const inFlightMs = 500;

/** Copies that no kill explains: each was on its way when the hub was killed, and one kill makes one copy of a reply at most. */
function unexplained({ replies, kills }: Rig): number {
  const before = new Map<string, number>();
  let count = 0;
  for (const { platform, chat, text, at } of replies) {
    const key = `${platform} ${chat} ${text}`;
    const earlier = before.get(key);
    before.set(key, at);
    if (earlier === undefined) continue;
    // The kill may have been under way when the earlier one arrived.
    const cause = kills.some((kill) => kill > earlier - inFlightMs && kill < earlier + inFlightMs && kill < at);
    if (!cause) count += 1;
  }
  return count;
}

/** Kills the hub `kills` times under a load, at random moments, and starts it again. */
export async function killUnderLoad(
  options: RigOptions,
  { messages, kills, settings = {} }: { messages: number; kills: number; settings?: Settings },
): Promise<Finding> {
  return withRig({ options, settings }, async (rig) => {
    rig.bot.behave = () => ({ ms: 2 + Math.floor(rig.random() * 30) });
    const perSecond = 50;
    const load: Promise<void>[] = [];
    const firstAcks: number[] = [];
    // Each kill gets its share of the load, so that there is one however long a restart takes.
    const share = messages / kills;
    for (let i = 0; i < kills; i += 1) {
      load.push(rig.load(share, perSecond));
      // Before its end, or nothing would be left to be acknowledged after the restart.
      await sleep(rig.random() * Math.min((share / perSecond) * 800, 900));
      await rig.kill();
      const started = performance.now();
      await rig.start();
      await rig.until('a first acknowledgement', 30, () => rig.events.some((event) => (event.ackedAt ?? 0) > started));
      firstAcks.push(Math.min(...rig.events.map((event) => event.ackedAt ?? 0).filter((at) => at > started)) - started);
    }
    await Promise.all(load);
    await rig.settled();
    const counts = rig.counts();
    const p95 = quantile(firstAcks, 0.95);
    const failures = basics(counts);
    // These grow with the time that a write takes.
    const slow: string[] = [];
    const strange = unexplained(rig);
    if (strange > 0) slow.push(`${strange} copies that no kill explains`);
    // One a kill on the average; a few kills make no average.
    if (kills >= 50 && counts.duplicated > kills) slow.push(`${counts.duplicated} copies after ${kills} kills`);
    if (p95 > 5000) slow.push(`first ack after ${Math.round(p95)} ms`);
    // Slack repeats three times; what it then gave up was never acknowledged, thus not lost by us. It must stay rare.
    const refused = messages - counts.acked;
    if (refused > messages / 10) slow.push(`${refused} were never acknowledged`);
    failures.push(...speed(options, slow));
    const notes = [`first ack after a restart p95 ${Math.round(p95)} ms, ${refused} given up by their platform`];
    return { faults: kills, counts, notes, failures };
  });
}

const f1: Scenario = {
  id: 'F1',
  title: 'kill -9 the hub under load',
  run: (options) => killUnderLoad(options, options.short ? { messages: 200, kills: 5 } : { messages: 2000, kills: 50 }),
};

/** Processes whose parent is `pid`. */
async function childrenOf(rig: Rig, pid: number): Promise<string[]> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  rig.note(`children of ${pid}: ${text}`);
  return text.split(' ').filter((one) => one !== '');
}

const f22: Scenario = {
  id: 'F22',
  title: 'SIGTERM restarts at 50 messages a second',
  needsRasa: true,
  run: (options) =>
    withRig({ options, settings: { rasa: true } }, async (rig) => {
      const restarts = options.short ? 3 : 20;
      await rig.until('the demo bot to be trained', 120, async () => {
        const { activeModel } = (await rig.api('GET', '/bots/demo')) as { activeModel: string | null };
        return activeModel !== null;
      });
      await rig.api('POST', '/bots/demo/wake');
      const load = rig.load(restarts * 100, 50);
      const drains: number[] = [];
      const failures: string[] = [];
      for (let i = 0; i < restarts; i += 1) {
        await sleep(300 + rig.random() * 700);
        const children = await childrenOf(rig, rig.pid);
        const { code, ms } = await rig.term();
        drains.push(ms);
        if (code !== 0) failures.push(`restart ${i}: exit code ${String(code)}`);
        const { existsSync } = await import('node:fs');
        const orphans = children.filter((pid) => existsSync(`/proc/${pid}`));
        if (orphans.length > 0) failures.push(`restart ${i}: ${orphans.length} children left`);
        await rig.start();
      }
      await load;
      await rig.settled();
      const counts = rig.counts();
      const longest = Math.max(...drains);
      if (longest > 10_000) failures.push(`a drain took ${Math.round(longest)} ms`);
      if (counts.duplicated > 0) failures.push(`${counts.duplicated} copies`);
      const notes = [`longest drain ${Math.round(longest)} ms`];
      return { faults: restarts, counts, notes, failures: [...basics(counts), ...failures] };
    }),
};

export const crashScenarios: Scenario[] = [f1, f22];
