/** What every training queue must do. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  JobEvent,
  JobHandler,
  JobReport,
  JobStore,
  Store,
  TrainerStatus,
  TrainingJob,
  TrainingQueue,
} from '../../src/contracts.js';
import { HubError } from '../../src/errors.js';
import { openLog, type Log } from '../../src/log.js';
import { TrainingFailure } from '../../src/training/failure.js';
import { bot, job, rejects } from './store.js';

export interface QueueParts {
  jobs: JobStore;
  log: Log;
  clock: () => number;
  trainer: { name: string; device: string };
  self: () => Promise<Omit<TrainerStatus, 'parallel' | 'jobs'>>;
  /** How long a job is held for a trainer that has died. Also one that stands still for half of it may lose its job. */
  lockMs: number;
}
/** An empty store, and how to open a queue over it. Each call is another start of the hub. */
export interface OpenQueue {
  store: Store;
  queue(parts: QueueParts): TrainingQueue;
  /** Ends all that the newest queue does, as if its process had been killed; absent: the next start takes over by itself. */
  crash?(): void;
  /** How often a job is taken that loses its trainer each time. */
  takings: number;
  dispose(): Promise<void>;
}

/** Runs the suite over the queue that `open` makes; `open` is called for each test. */
export function queueContract(name: string, open: () => Promise<OpenQueue>): void {
  describe(`The ${name} training queue`, function () {
    this.timeout(10_000);
    let stage: Stage;
    beforeEach(async () => {
      stage = new Stage(await open());
      for (const appId of ['a', 'b', 'c']) await stage.store.bots.create(bot(appId));
    });
    afterEach(() => stage.dispose());

    lineTests(() => stage);
    cancelTests(() => stage);
    endTests(() => stage);
    reportTests(() => stage);
    restartTests(() => stage);
  });
}

const self = {
  id: 'self',
  name: 'this-host',
  labels: ['rasa-3.6.21'],
  cores: 2,
  memory: { total: 2, free: 1 },
  gpus: [],
  device: 'cpu: no GPU here',
  holding: null,
};

/** A hub around the queue: its store, a handler that waits to be told how each job ends, and what was seen. */
class Stage {
  readonly store: Store;
  readonly started: string[] = [];
  readonly events: JobEvent[] = [];
  readonly logged: string[] = [];
  most = 0;
  nowMs = Date.UTC(2024, 0, 1);
  private readonly running = new Map<string, Taken>();
  private readonly queues: TrainingQueue[] = [];

  constructor(private readonly opened: OpenQueue) {
    this.store = opened.store;
  }
  /** Another start of the hub. */
  start(jobs: JobStore = this.store.jobs, { lockMs = 5000 }: Partial<Pick<QueueParts, 'lockMs'>> = {}): TrainingQueue {
    const { log } = openLog({ level: 'debug', pretty: false, write: (line) => this.logged.push(line) });
    const queue = this.opened.queue({
      jobs,
      log,
      clock: () => this.nowMs,
      trainer: self,
      self: () => Promise.resolve(self),
      lockMs,
    });
    queue.watch((event) => this.events.push(event));
    this.queues.push(queue);
    return queue;
  }
  /** Ends as an aborted process would, unless `onAbort` says otherwise. */
  readonly handler: JobHandler = (taken, report, signal) =>
    new Promise((resolve, reject) => {
      this.started.push(taken.id);
      const end = (settle: () => void): void => {
        if (this.running.get(taken.id) === one) this.running.delete(taken.id);
        settle();
      };
      const done = (): void => end(() => resolve({ modelId: `model-of-${taken.id}` }));
      const fail = (error: Error): void => end(() => reject(error));
      const one: Taken = { job: taken, report, signal, done, fail, heedsAbort: true };
      this.running.set(taken.id, one);
      this.most = Math.max(this.most, this.running.size);
      signal.addEventListener('abort', () => {
        if (one.heedsAbort) fail(signal.reason as Error);
      });
    });
  async submit(queue: TrainingQueue, id: string): Promise<void> {
    await this.store.jobs.create(job(id, id.slice(0, 1), { createdAt: new Date(this.nowMs).toISOString() }));
    await queue.submit((await this.store.jobs.get(id))!);
  }
  /** Waits until the handler has this job. */
  async taken(id: string): Promise<Taken> {
    await until(() => this.running.has(id), `${id} to be taken`);
    return this.running.get(id)!;
  }
  /** Waits until the store says so, and of an end also until it was told: a store may show a change a little before the write is answered. */
  async reaches(id: string, state: TrainingJob['state']): Promise<TrainingJob> {
    await until(async () => (await this.store.jobs.get(id))?.state === state, `${id} to be ${state}`);
    if (['done', 'failed', 'cancelled'].includes(state)) {
      await until(() => this.events.some((event) => event.job.id === id && event.job.state === state), `word of ${id}`);
    }
    return (await this.store.jobs.get(id))!;
  }
  now(): string[] {
    return [...this.running.keys()].sort();
  }
  crash(): void {
    this.opened.crash?.();
  }
  get takings(): number {
    return this.opened.takings;
  }
  async dispose(): Promise<void> {
    for (const taken of [...this.running.values()]) if (!taken.heedsAbort) taken.fail(new Error('The test is over.'));
    await Promise.all(this.queues.map((queue) => queue.close()));
    await this.opened.dispose();
  }
}
interface Taken {
  job: TrainingJob;
  report: JobReport;
  signal: AbortSignal;
  done: () => void;
  fail: (error: Error) => void;
  heedsAbort: boolean;
}

function lineTests(stage: () => Stage): void {
  it('takes nothing before it is told to work', async () => {
    const queue = stage().start();
    await stage().submit(queue, 'a1');
    await sleep(20);
    assert.deepEqual(stage().started, []);
    await queue.work(stage().handler, 1);
    await stage().taken('a1');
  });
  it('gives bots their turn one by one, and takes the jobs of one bot in order', async () => {
    const ids = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'];
    for (const id of ids) await stage().store.jobs.create(job(id, id.slice(0, 1)));
    await stage().start().work(stage().handler, 1);
    const order = ['a1', 'b1', 'c1', 'a2', 'b2', 'a3'];
    for (const id of order) (await stage().taken(id)).done();
    assert.deepEqual(stage().started, order);
    assert.equal(stage().most, 1);
  });
  it('lets no bot pass those who waited longer by submitting again and again', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const first = await stage().taken('a1');
    for (const id of ['b1', 'c1', 'a2']) await stage().submit(queue, id);
    first.done();
    await stage().taken('b1');
    await stage().submit(queue, 'a3');
    for (const id of ['b1', 'c1', 'a3']) (await stage().taken(id)).done();
    assert.deepEqual(stage().started, ['a1', 'b1', 'c1', 'a3']);
  });
  it('runs as many jobs as allowed, never two of one bot', async () => {
    for (const id of ['a1', 'a2', 'b1', 'c1']) await stage().store.jobs.create(job(id, id.slice(0, 1)));
    await stage().start().work(stage().handler, 3);
    for (const id of ['a1', 'b1', 'c1']) await stage().taken(id);
    (await stage().taken('c1')).done();
    await stage().reaches('c1', 'done');
    await sleep(20);
    assert.deepEqual(stage().now(), ['a1', 'b1']);
    (await stage().taken('a1')).done();
    await stage().taken('a2');
    assert.equal(stage().most, 3);
  });
  it('runs no more jobs than allowed', async () => {
    for (const id of ['a1', 'b1', 'c1']) await stage().store.jobs.create(job(id, id.slice(0, 1)));
    await stage().start().work(stage().handler, 2);
    await stage().taken('b1');
    await sleep(20);
    assert.deepEqual(stage().now(), ['a1', 'b1']);
  });
  it('supersedes the waiting job of a bot by a newer one, and neither the running one nor those of others', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    (await stage().taken('a1')).report({ percent: 10 });
    for (const id of ['b1', 'a2']) await stage().submit(queue, id);
    await stage().store.jobs.update('a2', { percent: 7 });
    await stage().submit(queue, 'a3');
    const old = (await stage().store.jobs.get('a2'))!;
    assert.deepEqual([old.state, old.percent, old.eta, old.endedAt !== null], ['superseded', 7, null, true]);
    assert.deepEqual(
      stage()
        .events.filter(({ job }) => job.id === 'a2')
        .at(-1)?.job,
      old,
    );
    for (const id of ['a1', 'b1', 'a3']) (await stage().taken(id)).done();
    await stage().reaches('a3', 'done');
    assert.deepEqual(stage().started, ['a1', 'b1', 'a3']);
  });
  it('supersedes only older jobs when several were stored before it looked', async () => {
    const queue = stage().start();
    for (const id of ['a1', 'a2']) await stage().store.jobs.create(job(id, 'a'));
    await queue.submit((await stage().store.jobs.get('a1'))!);
    assert.equal((await stage().store.jobs.get('a2'))?.state, 'queued');
    await queue.submit((await stage().store.jobs.get('a2'))!);
    assert.equal((await stage().store.jobs.get('a1'))?.state, 'superseded');
  });
}

function cancelTests(stage: () => Stage): void {
  it('cancels a waiting job at once', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    await stage().taken('a1');
    await stage().submit(queue, 'b1');
    assert.equal(await queue.cancel('b1'), true);
    const cancelled = (await stage().store.jobs.get('b1'))!;
    assert.deepEqual([cancelled.state, cancelled.endedAt !== null], ['cancelled', true]);
    assert.equal(stage().events.at(-1)?.job.state, 'cancelled');
    assert.equal(await queue.cancel('b1'), false);
    (await stage().taken('a1')).done();
    await stage().reaches('a1', 'done');
    assert.deepEqual(stage().started, ['a1']);
  });
  it('aborts a running job and calls it cancelled when its handler has ended, not before', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const taken = await stage().taken('a1');
    taken.heedsAbort = false;
    taken.report({ percent: 30 });
    assert.equal(await queue.cancel('a1'), true);
    assert.equal(taken.signal.aborted, true);
    await stage().submit(queue, 'a2');
    await sleep(20);
    assert.equal((await stage().store.jobs.get('a1'))?.state, 'running');
    taken.fail(new Error('killed'));
    const ended = await stage().reaches('a1', 'cancelled');
    assert.deepEqual([ended.percent, ended.eta, ended.error, ended.modelId], [30, null, null, null]);
    assert.equal(await queue.cancel('a1'), false);
    await stage().taken('a2');
  });
  it('cancels a job that is just being taken', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().store.jobs.create(job('a1', 'a'));
    const submitted = queue.submit(job('a1', 'a'));
    assert.equal(await queue.cancel('a1'), true);
    await submitted;
    await stage().reaches('a1', 'cancelled');
    assert.deepEqual(stage().started, []);
  });
  it('calls a job done whose model went live although it was cancelled', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const taken = await stage().taken('a1');
    taken.heedsAbort = false;
    await queue.cancel('a1');
    taken.done();
    assert.equal((await stage().reaches('a1', 'done')).modelId, 'model-of-a1');
  });
  it('does not cancel what it does not know or what has ended', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    (await stage().taken('a1')).done();
    await stage().reaches('a1', 'done');
    assert.deepEqual([await queue.cancel('a1'), await queue.cancel('nothing')], [false, false]);
    assert.equal((await stage().store.jobs.get('a1'))?.state, 'done');
  });
  it('aborts the job of a bot that was deleted and goes on with the next', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const taken = await stage().taken('a1');
    for (const id of ['a2', 'b1']) await stage().submit(queue, id);
    await stage().store.bots.delete('a');
    taken.report({ percent: 50, line: 'still here' });
    await stage().taken('b1');
    assert.equal(taken.signal.aborted, true);
    assert.deepEqual(stage().started, ['a1', 'b1']);
  });
}

function endTests(stage: () => Stage): void {
  it('tells of each step of a job, once it is stored', async () => {
    const queue = stage().start();
    const stored: (string | undefined)[] = [];
    const asked: Promise<unknown>[] = [];
    queue.watch(({ job }) => {
      asked.push(
        stage()
          .store.jobs.get(job.id)
          .then((now) => stored.push(now?.state)),
      );
    });
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const taken = await stage().taken('a1');
    assert.deepEqual(
      [taken.job.state, taken.job.attempts, taken.job.startedAt],
      ['running', 1, '2024-01-01T00:00:00.000Z'],
    );
    stage().nowMs += 60_000;
    taken.done();
    const ended = await stage().reaches('a1', 'done');
    assert.deepEqual([ended.percent, ended.eta, ended.modelId, ended.error], [100, null, 'model-of-a1', null]);
    assert.equal(ended.endedAt, '2024-01-01T00:01:00.000Z');
    await Promise.all(asked);
    assert.deepEqual(
      stage().events.map(({ job }) => job.state),
      ['queued', 'running', 'done'],
    );
    assert.deepEqual(stored, ['queued', 'running', 'done']);
    assert.deepEqual(stage().events.at(-1)?.job, ended);
  });
  it('shows what a failed training says of itself', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 3);
    for (const id of ['a1', 'b1', 'c1']) await stage().submit(queue, id);
    (await stage().taken('a1')).fail(new TrainingFailure('bad_yaml', 'Line 3 is no YAML; correct it.', 'found tab'));
    (await stage().taken('b1')).fail(new TrainingFailure('no_pairs', 'Add a question.'));
    (await stage().taken('c1')).fail(new HubError('disk_full', 'Free some space.'));
    const error = async (id: string): Promise<unknown> => (await stage().reaches(id, 'failed')).error;
    assert.deepEqual(await error('a1'), {
      code: 'bad_yaml',
      message: 'Line 3 is no YAML; correct it.',
      detail: 'found tab',
    });
    assert.deepEqual(await error('b1'), { code: 'no_pairs', message: 'Add a question.' });
    assert.deepEqual(await error('c1'), { code: 'disk_full', message: 'Free some space.' });
  });
  it('shows of any other failure only that it happened, and logs the rest', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const taken = await stage().taken('a1');
    taken.report({ percent: 40 });
    taken.fail(new Error('ENOENT /root/.ssh'));
    const { error, percent, modelId } = await stage().reaches('a1', 'failed');
    assert.equal(error?.code, 'internal');
    assert.doesNotMatch(JSON.stringify(error), /ssh/);
    assert.match(stage().logged.join(), /ENOENT \/root\/\.ssh/);
    assert.deepEqual([percent, modelId], [40, null]);
  });
  it('goes on when a listener breaks, and tells nobody who stopped listening', async () => {
    const queue = stage().start();
    let heard = 0;
    queue.watch(() => {
      throw new Error('listener');
    });
    const stop = queue.watch(() => {
      heard++;
    });
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const taken = await stage().taken('a1');
    stop();
    const before = heard;
    taken.done();
    await stage().reaches('a1', 'done');
    assert.deepEqual([before, heard], [2, 2]);
  });
  it('writes the end of a job when the store is back', async () => {
    let down = false;
    const jobs = wrapped(stage().store.jobs, () => {
      if (down) throw new HubError('store_unavailable', 'The disk is full.');
    });
    const queue = stage().start(jobs);
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const taken = await stage().taken('a1');
    down = true;
    taken.report({ percent: 60, line: 'kept' });
    taken.done();
    await sleep(100);
    assert.equal((await stage().store.jobs.get('a1'))?.state, 'running');
    down = false;
    await stage().reaches('a1', 'done');
    assert.deepEqual(await stage().store.jobs.log('a1'), ['kept']);
  });
}

function reportTests(stage: () => Stage): void {
  it('lets percent only rise, and tells the rest of the time from the pace', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const { report, done } = await stage().taken('a1');
    const seen = (): unknown[] => {
      const { percent, eta, stage: words } = stage().events.at(-1)!.job;
      return [percent, eta, words];
    };
    stage().nowMs += 10_000;
    report({ percent: 4.9, stage: 'one' });
    assert.deepEqual(seen(), [4.9, null, 'one']);
    report({ percent: 20, stage: 'two' });
    assert.deepEqual(seen(), [20, 40, 'two']);
    report({ percent: 10, stage: 'three' });
    assert.deepEqual(seen(), [20, 40, 'three']);
    stage().nowMs += 20_000;
    report({ percent: Number.NaN });
    assert.deepEqual(seen(), [20, 120, 'three']);
    report({ percent: 400 });
    assert.deepEqual(seen(), [100, 0, 'three']);
    done();
    const { percent } = await stage().reaches('a1', 'done');
    report({ percent: 1, stage: 'too late' });
    assert.deepEqual([percent, stage().events.at(-1)?.job.stage === 'too late'], [100, false]);
  });
  it('tells listeners of every report but the store only now and then, losing no line', async () => {
    let writes = 0;
    const counted = wrapped(stage().store.jobs, () => {
      writes++;
    });
    const queue = stage().start(counted);
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const { report, fail } = await stage().taken('a1');
    writes = 0;
    const lines: string[] = [];
    const end = performance.now() + 1200;
    while (performance.now() < end) {
      await sleep(2);
      lines.push(`line ${lines.length}`);
      report({ percent: lines.length / 100, stage: `stage ${lines.length}`, line: `line ${lines.length - 1}` });
    }
    assert.equal(writes >= 2 && writes <= 6, true, `${writes} writes in 1.2 s`);
    const stored = (await stage().store.jobs.get('a1'))!;
    assert.equal(stored.percent > 0, true);
    fail(new TrainingFailure('x', 'y'));
    const ended = await stage().reaches('a1', 'failed');
    assert.deepEqual([ended.percent, ended.stage], [lines.length / 100, `stage ${lines.length}`]);
    assert.deepEqual(await stage().store.jobs.log('a1'), lines);
    assert.deepEqual(
      stage().events.flatMap((event) => event.lines),
      lines,
    );
  });
  it('keeps the state `evaluating` that the handler wrote', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const { report, done } = await stage().taken('a1');
    await stage().store.jobs.update('a1', { state: 'evaluating' }, ['running']);
    report({ percent: 90 });
    await until(async () => (await stage().store.jobs.get('a1'))?.percent === 90, 'the save');
    assert.equal((await stage().store.jobs.get('a1'))?.state, 'evaluating');
    done();
    await stage().reaches('a1', 'done');
  });
}

function restartTests(stage: () => Stage): void {
  it('hands what runs to the next start when it closes, without calling it lost', async () => {
    for (let start = 1; start <= 4; start++) {
      const queue = stage().start();
      await queue.work(stage().handler, 1);
      if (start === 1) await stage().submit(queue, 'a1');
      const taken = await stage().taken('a1');
      assert.deepEqual([taken.job.attempts, taken.job.percent], [1, 0]);
      taken.report({ percent: 50, line: `start ${start}` });
      await queue.close();
      assert.equal(taken.signal.aborted, true);
      const waiting = (await stage().store.jobs.get('a1'))!;
      assert.deepEqual([waiting.state, waiting.attempts, waiting.percent, waiting.startedAt], ['queued', 0, 0, null]);
    }
    assert.equal((await stage().store.jobs.log('a1')).length, 4);
  });
  it('waits for running handlers when it closes, and takes nothing more', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    for (const id of ['a1', 'b1']) await stage().submit(queue, id);
    const taken = await stage().taken('a1');
    taken.heedsAbort = false;
    let closed = false;
    const closing = queue.close().then(() => (closed = true));
    await rejects(queue.submit(job('c1', 'c')), 'stopping');
    await sleep(20);
    assert.equal(closed, false);
    taken.done();
    await closing;
    assert.equal((await stage().store.jobs.get('a1'))?.state, 'done');
    await queue.close();
    assert.deepEqual(stage().started, ['a1']);
  });
  it('takes unfinished jobs of an earlier run before new ones', async () => {
    const first = stage().start();
    await first.work(stage().handler, 1);
    for (const id of ['c1', 'b1']) await stage().submit(first, id);
    await stage().taken('c1');
    await first.close();
    const second = stage().start();
    await stage().submit(second, 'a1');
    await second.work(stage().handler, 1);
    await Promise.all(['c1', 'b1', 'a1'].map(async (id) => (await stage().taken(id)).done()));
    const [, ...again] = stage().started;
    // Among themselves the one that was cut off may come after one that has waited.
    assert.deepEqual([again.slice(0, 2).sort(), again.slice(2)], [['b1', 'c1'], ['a1']]);
  });
  it('takes a job again whose trainer died, and fails it when that happens too often', async function () {
    this.timeout(30_000);
    const { takings, store } = stage();
    const start = (): TrainingQueue => stage().start(store.jobs, { lockMs: 600 });
    for (let taking = 1; taking <= takings; taking += 1) {
      const queue = start();
      await queue.work(stage().handler, 1);
      if (taking === 1) await stage().submit(queue, 'a1');
      await until(() => stage().started.length === taking, `taking ${taking}`);
      const { job } = await stage().taken('a1');
      assert.deepEqual([job.attempts, job.fence >= taking], [taking, true]);
      if (taking === 2) await store.jobs.update('a1', { state: 'evaluating' });
      stage().crash();
    }
    const last = start();
    await last.work(stage().handler, 1);
    const { error, endedAt } = await stage().reaches('a1', 'failed');
    assert.equal(error?.code, 'trainer_lost');
    assert.match(error.message, /(twice|three times) in the middle of this training.*train again/);
    assert.notEqual(endedAt, null);
    assert.equal(stage().events.at(-1)?.job.state, 'failed');
    assert.equal(stage().started.length, takings);
  });
  it('writes nothing for a trainer whose job another one took', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 1);
    await stage().submit(queue, 'a1');
    const first = await stage().taken('a1');
    first.heedsAbort = false;
    const other = { fence: first.job.fence + 1, trainer: 'another' };
    const change = await stage().store.jobs.update('a1', other);
    assert.equal(change?.trainer, 'another');
    first.report({ percent: 50 });
    await until(() => first.signal.aborted, 'the loser to be told');
    first.done();
    await sleep(50);
    const job = (await stage().store.jobs.get('a1'))!;
    assert.deepEqual([job.state === 'done', job.percent, job.modelId, job.endedAt], [false, 0, null, null]);
  });
  it('says who trains, on what, and who is at it', async () => {
    const queue = stage().start();
    await queue.work(stage().handler, 2);
    await stage().submit(queue, 'a1');
    const { job } = await stage().taken('a1');
    assert.deepEqual([job.trainer, job.device], ['this-host', 'cpu: no GPU here']);
    const shown = { ...self, parallel: 2, jobs: [{ jobId: 'a1', appId: 'a' }] };
    await until(async () => isDeepStrictEqual(await queue.trainers(), [shown]), 'the trainer to show its job');
  });
}

/** The job store with `before` run ahead of every write. */
function wrapped(jobs: JobStore, before: () => void): JobStore {
  const guarded = async <T>(write: () => Promise<T>): Promise<T> => {
    before();
    return write();
  };
  return {
    create: (one) => guarded(() => jobs.create(one)),
    update: (id, change, from) => guarded(() => jobs.update(id, change, from)),
    appendLog: (id, lines) => guarded(() => jobs.appendLog(id, lines)),
    get: (id) => jobs.get(id),
    list: (appId, page) => jobs.list(appId, page),
    unfinished: () => jobs.unfinished(),
    log: (id) => jobs.log(id),
  };
}

/** Bull alone may put a job off for five seconds; mocha gives ten. */
const patienceMs = 8000;
async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + patienceMs;
  while (performance.now() < end) {
    if (await condition()) return;
    await sleep(3);
  }
  assert.fail(`waited ${patienceMs / 1000} s for ${what}`);
}
