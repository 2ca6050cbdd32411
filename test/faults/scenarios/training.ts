/** Faults of training: Redis away, full or wrong; trainers killed or standing still; many jobs over trainers that die. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Counts } from '../checker.js';
import { type Finding, randomOf, type RigOptions, type Scenario } from '../rig.js';
import { TrainingRig } from '../training-rig.js';
import { newHub } from '../../support/hub.js';

const lockMs = 2000;
const noChat = { acked: 0, turnsTwice: 0, notices: 0 };
const p95 = (times: number[]): number => times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0;

/** Every job is done once: what was accepted and did not end well is lost, what was published more than once is duplicated. */
async function counted(rig: TrainingRig, ids: readonly string[]): Promise<Counts> {
  const states = await Promise.all(ids.map(async (id) => (await rig.job(id)).state));
  const twice = ids.filter((id) => (rig.published.get(id) ?? 0) > 1).length;
  const done = states.filter((state) => state === 'done').length;
  return {
    ok: done,
    lost: ids.length - done,
    duplicated: twice,
    unexpected: rig.published.size - done,
    outOfOrder: 0,
    ...noChat,
  };
}
function judged(counts: Counts, more: string[] = []): string[] {
  const bad = Object.entries(counts).filter(([name, count]) => name !== 'ok' && Number(count) > 0);
  return [...more, ...bad.map(([name, count]) => `${name} ${String(count)}`)];
}
/** Jobs in the line that have a trainer, and those that wait for one or were put off. */
const inList = (rig: TrainingRig, command: 'llen' | 'zcard', list: string): number =>
  Number(rig.redis.cli(command, `switchboard:line:any:${list}`));
const active = (rig: TrainingRig): number => inList(rig, 'llen', 'active');
const waiting = (rig: TrainingRig): number => inList(rig, 'llen', 'wait') + inList(rig, 'zcard', 'delayed');
async function withRig(
  settings: ConstructorParameters<typeof TrainingRig>[0],
  work: (rig: TrainingRig) => Promise<Finding>,
): Promise<Finding> {
  const rig = await new TrainingRig(settings).open();
  try {
    return await work(rig);
  } finally {
    await rig.close();
  }
}

/** F11. */
async function redisGone({ short }: RigOptions): Promise<Finding> {
  return withRig({ lockMs, jobMs: 200 }, async (rig) => {
    const times = short ? 2 : 10;
    const awayMs = short ? 2000 : 8000;
    await rig.trainer();
    await rig.trainer();
    const chatting = await rig.bot('chat');
    const ids = [(await rig.submit(chatting))!];
    await rig.ended(ids, 30);
    const calm = p95(await rig.chat(chatting, 100));
    const failures: string[] = [];
    const back: number[] = [];
    let troubled: number[] = [];
    for (let i = 0; i < times; i += 1) {
      const appIds = await Promise.all([0, 1, 2, 3].map((n) => rig.bot(`b${i}-${n}`)));
      // The last time the queue is idle when Redis goes.
      if (i < times - 1) for (const appId of appIds) ids.push((await rig.submit(appId))!);
      await rig.redis.kill();
      const returns = Date.now() + awayMs;
      if ((await rig.submit(appIds[0]!, 'while it is away')) !== null)
        failures.push('a training was accepted without Redis');
      troubled = [...troubled, ...(await rig.chat(chatting, 100))];
      await sleep(Math.max(0, returns - Date.now()));
      await rig.redis.start();
      const started = performance.now();
      const taken: string[] = [];
      await rig.until(
        async () => taken.push(...[await rig.submit(appIds[1]!, `after ${i}`)].filter((id) => id !== null)) > 0,
        60,
      );
      const [probe] = taken;
      if (!probe || !(await rig.until(async () => (await rig.job(probe)).state === 'done', 60)))
        failures.push(`no job in 60 s after return ${i}`);
      back.push((performance.now() - started) / 1000);
      const waiting = ids.filter((id) => id !== probe);
      if (!(await rig.ended(waiting, 60))) failures.push('a job waits still');
      if (probe) ids.push(probe);
    }
    // A bot's job that its own newer probe superseded was not lost.
    const kept = [];
    for (const id of ids) if ((await rig.job(id)).state !== 'superseded') kept.push(id);
    const counts = await counted(rig, kept);
    const during = p95(troubled);
    if (during > calm * 1.1 + 25) failures.push(`chat p95 ${Math.round(during)} ms, was ${Math.round(calm)} ms`);
    const notes = [
      `away ${awayMs / 1000} s each`,
      `processing again after ${Math.max(...back).toFixed(1)} s at most`,
      `chat p95 ${calm.toFixed(0)} -> ${during.toFixed(0)} ms`,
    ];
    return { faults: times, counts, notes, failures: judged(counts, failures) };
  });
}

/** F12. */
async function redisFull(): Promise<Finding> {
  return withRig(
    { lockMs, jobMs: 50, redisArgs: ['--maxmemory', '6mb', '--maxmemory-policy', 'noeviction'] },
    async (rig) => {
      const failures: string[] = [];
      const appId = await rig.bot('full');
      await rig.trainer();
      const first = (await rig.submit(appId))!;
      await rig.ended([first], 30);
      rig.redis.cli('eval', "for i = 1, 8000 do redis.call('set', 'fill' .. i, string.rep('x', 1000)) end", '0');
      if (!rig.redis.cli('set', 'one', 'more').startsWith('OOM')) failures.push('Redis was not full');
      const refused = await rig.hub.api('POST', `/bots/${appId}/train`, [{ Q: [{ q: 'other' }], A: 'other' }]);
      if (refused.status !== 503 || refused.body.code !== 'queue_unavailable')
        failures.push(`enqueue answered ${refused.status} ${String(refused.body.code)}`);
      await rig.chat(appId, 10);
      rig.redis.cli('flushall');
      const again = await rig.submit(appId, 'again');
      if (!again || !(await rig.ended([again], 30))) failures.push('no training after there was room again');
      rig.redis.cli('config', 'set', 'maxmemory-policy', 'allkeys-lru');
      const words = await newHub({ env: { REDIS_URL: rig.redis.url } }).then(
        async (hub) => {
          await hub.stop();
          return 'it started';
        },
        (error: unknown) => String(error),
      );
      if (!/maxmemory-policy allkeys-lru.*noeviction/s.test(words)) failures.push(`a hub on allkeys-lru: ${words}`);
      const counts = await counted(rig, [first, ...(again ? [again] : [])]);
      return {
        faults: 2,
        counts,
        notes: ['503 to the admin, chat went on, boot refused'],
        failures: judged(counts, failures),
      };
    },
  );
}

/** F13. */
async function trainerKilled({ short, seed }: RigOptions): Promise<Finding> {
  const random = randomOf(seed);
  return withRig({ lockMs, jobMs: 600 }, async (rig) => {
    const failures: string[] = [];
    const ids: string[] = [];
    const times = short ? 3 : 20;
    let current = await rig.trainer();
    for (let i = 0; i < times; i += 1) {
      const appId = await rig.bot(`b${i}`);
      ids.push((await rig.submit(appId))!);
      await rig.until(() => current.jobs.includes(appId), 30);
      await sleep(random() * 500);
      await current.kill();
      current = await rig.trainer();
    }
    if (!(await rig.ended(ids, 60))) failures.push('a job is left');
    const counts = await counted(rig, ids);
    // A job that is done is in the line until its trainer has said so there.
    if (!(await rig.until(() => waiting(rig) + active(rig) === 0, 30))) failures.push('a job is left in the line');
    // From now on none ends before its trainer is killed.
    const slow = { jobMs: 60_000 };
    await current.kill();
    current = await rig.trainer(slow);
    const doomedBot = await rig.bot('doomed');
    const doomed = (await rig.submit(doomedBot))!;
    for (let i = 0; i < 3; i += 1) {
      // It may have taken the job before it was said to be there.
      await rig.until(() => current.jobs.includes(doomedBot), 30);
      await current.kill();
      current = await rig.trainer(slow);
    }
    await rig.ended([doomed], 30);
    const { state, error } = await rig.job(doomed);
    if (state !== 'failed' || error?.code !== 'trainer_lost')
      failures.push(`killed three times: ${state} ${error?.code ?? ''}`);
    if (active(rig) > 0) failures.push('a job is left active');
    return {
      faults: times + 3,
      counts,
      notes: [`lock ${lockMs / 1000} s`, `killed three times: ${error?.message ?? ''}`],
      failures: judged(counts, failures),
    };
  });
}

/** F14. */
async function trainerBlocked({ short }: RigOptions): Promise<Finding> {
  return withRig({ lockMs, jobMs: 400 }, async (rig) => {
    const failures: string[] = [];
    const ids: string[] = [];
    const times = short ? 3 : 20;
    const trainers = [await rig.trainer(), await rig.trainer()];
    let second = 0;
    for (let i = 0; i < times; i += 1) {
      const appId = await rig.bot(`b${i}`);
      const id = (await rig.submit(appId))!;
      ids.push(id);
      await rig.until(() => trainers.some(({ jobs }) => jobs.includes(appId)), 30);
      trainers.find(({ jobs }) => jobs.includes(appId))?.child.send({ block: lockMs * 3 });
      if (!(await rig.ended([id], 60))) failures.push(`job ${i} did not end`);
      const takers = trainers.filter(({ jobs }) => jobs.includes(appId)).length;
      if (takers > 1) second += 1;
    }
    await sleep(lockMs * 3);
    if (second === 0) failures.push('the fault did not hit: no job was taken twice');
    const counts = await counted(rig, ids);
    return {
      faults: times,
      counts,
      notes: [`lock ${lockMs / 1000} s, blocked ${(lockMs * 3) / 1000} s`, `taken a second time: ${second}`],
      failures: judged(counts, failures),
    };
  });
}

/** 200 jobs over 3 trainers that die at random; one bot has a hundred of them. */
async function manyJobs({ short, seed }: RigOptions): Promise<Finding> {
  const random = randomOf(seed);
  const jobMs = 250;
  return withRig({ lockMs, jobMs }, async (rig) => {
    const failures: string[] = [];
    const half = short ? 10 : 100;
    const greedy = await rig.bot('greedy');
    const other = await Promise.all(Array.from({ length: half - 1 }, (_, n) => rig.bot(`other ${n}`)));
    const first = (await rig.submit(greedy))!;
    const model = await rig.job(first);
    const ids = [first];
    // Straight into the store, for a newer job of a bot would supersede its older ones.
    for (let n = 1; n < half; n += 1) {
      const id = `greedy-${n}`;
      await rig.store.jobs.create({ ...model, id, state: 'queued', createdAt: new Date().toISOString() });
      ids.push(id);
    }
    await rig.until(() => inList(rig, 'llen', 'wait') >= half - 1, 60);
    const trainers = [await rig.trainer(), await rig.trainer(), await rig.trainer()];
    await sleep(2000);
    const single = await rig.bot('single');
    const asked = performance.now();
    const waited = waiting(rig);
    const lone = (await rig.submit(single))!;
    ids.push(lone);
    const took = { ms: 0, passed: Infinity };
    const publishedBefore = rig.published.size;
    const watched = rig
      .until(() => [...trainers, ...rig.trainers].some(({ jobs }) => jobs.includes(single)), 120)
      .then(() => {
        took.ms = performance.now() - asked;
        took.passed = rig.published.size - publishedBefore;
      });
    for (const appId of other) ids.push((await rig.submit(appId))!);
    let kills = 0;
    const done = rig.ended(ids, short ? 120 : 400).then((ok) => {
      if (!ok) failures.push('not all ended');
      return true;
    });
    while (!(await Promise.race([done, sleep(800 + random() * 1200).then(() => false)]))) {
      const at = Math.floor(random() * trainers.length);
      await trainers[at]!.kill();
      kills += 1;
      trainers[at] = await rig.trainer();
    }
    await watched;
    // What ran when it was asked for may end first; nothing that waited may.
    if (took.passed > 2 * trainers.length) failures.push(`${took.passed} jobs went before the single one`);
    const counts = await counted(rig, ids);
    const greedyFirst = ids.slice(0, half).length;
    return {
      faults: kills,
      counts,
      notes: [
        `${ids.length} jobs, ${greedyFirst} of one bot`,
        `a single job behind ${waited} waiting ones was taken after ${(took.ms / 1000).toFixed(1)} s (a job: ${jobMs / 1000} s)`,
      ],
      failures: judged(counts, failures),
    };
  });
}

export const trainingScenarios: Scenario[] = [
  { id: 'F11', title: 'Redis gone and back', run: redisGone },
  { id: 'F12', title: 'Redis full; Redis that evicts', run: redisFull },
  { id: 'F13', title: 'trainer killed mid-job', run: trainerKilled },
  { id: 'F14', title: 'trainer loop blocked beyond its lock', run: trainerBlocked },
  { id: 'F130', title: '200 jobs, 3 trainers killed at random', run: manyJobs },
];
