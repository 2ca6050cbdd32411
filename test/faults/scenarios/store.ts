/** The store fails: F7 locked, F8 disk full, F9 power loss. */
import { execFileSync } from 'node:child_process';
import Database from 'better-sqlite3';
import { copyFileSync, openSync, closeSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore } from '../../../src/stores/index.js';
import type { JournalEvent } from '../platform.js';
import { basics, type Finding, type Rig, randomOf, type Scenario, withRig } from '../rig.js';

/** What platforms heard while the store was down: never a 2xx, but for what came before it and may have been stored by then. */
function heardWhile(events: JournalEvent[], from: number, to: number): string[] {
  const acked = events.filter(
    ({ ackedAt, ackMs }) => ackedAt !== null && ackedAt - (ackMs ?? 0) > from && ackedAt < to,
  );
  return acked.length > 0 ? [`${acked.length} acknowledged while the store was down`] : [];
}

interface Outage {
  begin: () => void | Promise<void>;
  end: () => void | Promise<void>;
  ms: number;
  /** Nothing at all can be written. A full disk may have room left inside the files. */
  total: boolean;
}

/** A load that runs while the store is broken and mended again, and probes that are timed. */
async function underLoad(rig: Rig, outage: Outage): Promise<Finding> {
  const load = rig.load(Math.round((outage.ms / 1000 + 6) * 30), 30);
  await sleep(2000);
  await outage.begin();
  const from = performance.now();
  const probes: { ms: number; status: number }[] = [];
  while (performance.now() - from < outage.ms) {
    const started = performance.now();
    const { teams } = rig.platforms;
    const status = await teams.post(probeEvent(rig), teams.ownLine);
    probes.push({ ms: performance.now() - started, status });
    await sleep(100);
  }
  const to = performance.now();
  await outage.end();
  await load;
  await rig.settled(15_000);
  const slowest = Math.max(...probes.map(({ ms }) => ms));
  const refused = probes.filter(({ status }) => status === 503).length;
  const other = probes.filter(({ status }) => status !== 503 && (outage.total || status !== 200));
  const counts = rig.counts();
  const failures = [...basics(counts), ...(outage.total ? heardWhile(rig.events, from, to) : [])];
  if (refused === 0) failures.push('the fault did not hit');
  // Also of MongoDB, unlike other times (`speed`): a store that is away has no part in it.
  if (slowest > 2000 && !rig.options.short) failures.push(`an answer took ${Math.round(slowest)} ms`);
  if (other.length > 0) failures.push(`answers ${[...new Set(other.map(({ status }) => status))].join(', ')}`);
  const notes = [`${refused} of ${probes.length} probes got 503, slowest after ${Math.round(slowest)} ms`];
  return { faults: 1, counts, notes, failures };
}

/** An event of the probe's own; it counts like any other once it is acknowledged. */
function probeEvent(rig: Rig): JournalEvent {
  const id = rig.nextId();
  const where = { chat: 'probe', appId: rig.bots[0]!, platform: 'teams' } as const;
  const fresh = { postedAt: performance.now(), ackedAt: null, statuses: [], ackMs: null };
  const event = { id: `E${id}`, text: `probe ${id}`, ...where, ...fresh };
  rig.platforms.teams.events.push(event);
  return event;
}

const f7: Scenario = {
  id: 'F7',
  title: 'the store is down',
  run: (options) =>
    withRig({ options }, async (rig) => {
      if (options.store === 'mongo') return serverStopped(rig);
      const other = new Database(join(rig.dataDir, 'switchboard.db'));
      const finding = await underLoad(rig, {
        ms: options.short ? 4000 : 30_000,
        total: true,
        begin: () => void other.exec('BEGIN EXCLUSIVE'),
        end: () => void other.exec('ROLLBACK'),
      });
      other.close();
      return finding;
    }),
};

/** The server is stopped in order, and started again on the same port and data. */
function serverStopped(rig: Rig): Promise<Finding> {
  return underLoad(rig, {
    ms: rig.options.short ? 4000 : 30_000,
    total: true,
    begin: () => rig.mongo.stop(),
    end: async () => void (await rig.mongo.start()),
  });
}

/** Fills the disk under `folder` to the last block; answers the way to free it. */
function fill(folder: string): () => void {
  const path = join(folder, 'ballast');
  const file = openSync(path, 'w');
  for (let size = 8_388_608; size >= 512;) {
    try {
      writeSync(file, Buffer.alloc(size));
    } catch {
      size /= 2;
    }
  }
  closeSync(file);
  return () => rmSync(path, { force: true });
}

/** A disk of 64 MB of its own, and the way to take it away. */
async function smallDisk(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-faults-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder], { stdio: 'pipe' });
  } catch {
    await rm(folder, { recursive: true });
    throw new Error('this scenario needs the right to mount a small tmpfs: run it as root');
  }
  const remove = async (): Promise<void> => {
    execFileSync('umount', [folder]);
    await rm(folder, { recursive: true });
  };
  return { folder, remove };
}

const f8: Scenario = {
  id: 'F8',
  onlySqlite: true,
  title: 'the disk is full',
  async run(options) {
    const { folder, remove } = await smallDisk();
    try {
      return await withRig({ options, settings: { within: folder } }, async (rig) => {
        let free = (): void => undefined;
        const finding = await underLoad(rig, {
          ms: options.short ? 4000 : 20_000,
          total: false,
          begin: () => void (free = fill(rig.dataDir)),
          end: () => free(),
        });
        await rig.kill();
        const integrity = integrityOf(join(rig.dataDir, 'switchboard.db'));
        return {
          ...finding,
          failures: [...finding.failures, ...(integrity === 'ok' ? [] : [`integrity: ${integrity}`])],
        };
      });
    } finally {
      await remove();
    }
  },
};

function integrityOf(path: string): string {
  const database = new Database(path);
  try {
    return String(database.pragma('integrity_check', { simple: true }));
  } finally {
    database.close();
  }
}

/** Power loss: the log ends at a random byte. What was acknowledged before it had that length must be there; before that only wholeness counts. */
const f9: Scenario = {
  id: 'F9',
  onlySqlite: true,
  title: 'power loss: the log is cut at random bytes',
  run: async (options) => {
    const cuts = options.short ? 20 : 200;
    const folder = await mkdtemp(join(tmpdir(), 'sb-faults-wal-'));
    const random = randomOf(options.seed);
    const live = join(folder, 'live.db');
    const store = await openStore(`sqlite:${live}`);
    const now = new Date().toISOString();
    const bot = {
      appId: 'a',
      name: 'A',
      language: 'en',
      template: 'faq',
      pipeline: 'semantic',
      engine: 'rasa',
    } as const;
    const rest = {
      remoteUrl: null,
      threshold: null,
      activeModel: null,
      runtime: null,
      lateAnswers: 'send',
      instances: { min: 0, max: 1 },
      createdAt: now,
      updatedAt: now,
    } as const;
    await store.bots.create({ ...bot, ...rest });
    const failures: string[] = [];
    let whole = 0;
    for (let cut = 0; cut < cuts; cut += 1) {
      const acked = await write(store, cut);
      const noted = statSync(`${live}-wal`).size;
      // Written and not acknowledged yet when the power goes: what comes after the noted length is fair to lose.
      const unacknowledged = write(store, cut + 10_000);
      await unacknowledged;
      const copy = join(folder, `cut${cut}.db`);
      copyFileSync(live, copy);
      copyFileSync(`${live}-wal`, `${copy}-wal`);
      const size = statSync(`${copy}-wal`).size;
      const beyond = cut % 2 === 0 && size > noted;
      truncateSync(
        `${copy}-wal`,
        beyond ? noted + Math.floor(random() * (size - noted)) : Math.floor(random() * noted),
      );
      if (integrityOf(copy) !== 'ok') failures.push(`cut ${cut}: not whole`);
      else whole += 1;
      if (beyond) failures.push(...(await missing(copy, acked)).map((id) => `cut ${cut}: ${id} is gone`));
      for (const end of ['', '-wal', '-shm']) rmSync(`${copy}${end}`, { force: true });
    }
    await store.close();
    await rm(folder, { recursive: true });
    const none = {
      acked: cuts,
      ok: whole,
      lost: cuts - whole,
      duplicated: 0,
      unexpected: 0,
      outOfOrder: 0,
      turnsTwice: 0,
      notices: 0,
    };
    return { faults: cuts, counts: none, notes: ['half of the cuts beyond the last acknowledged byte'], failures };
  },
};

/** A few acknowledged messages; answers their event ids. */
async function write(store: Awaited<ReturnType<typeof openStore>>, n: number): Promise<string[]> {
  const ids = [0, 1, 2].map((i) => `e${n}.${i}`);
  await Promise.all(
    ids.map((eventId) =>
      store.conversations.receive({
        appId: 'a',
        channel: 'test',
        conversation: `test:${n % 7}`,
        eventId,
        text: 'x'.repeat(200),
        payload: false,
        to: 'x',
        metadata: {},
      }),
    ),
  );
  return ids;
}

async function missing(path: string, ids: string[]): Promise<string[]> {
  const store = await openStore(`sqlite:${path}`);
  try {
    const { items } = await store.conversations.unsettled({ limit: 1_000_000 });
    const there = new Set(items.map(({ eventId }) => eventId));
    return ids.filter((id) => !there.has(id));
  } finally {
    await store.close();
    for (const end of ['.lock', '.lock-wal', '.lock-shm', '.owner']) rmSync(`${path}${end}`, { force: true });
  }
}

export const storeScenarios: Scenario[] = [f7, f8, f9];
