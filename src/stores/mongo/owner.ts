/**
 * One hub per database, or several that share it and know of each other (leases.ts): those hold it as one. The owner renews a mark every two seconds; who finds the mark still for ten seconds by its own clock takes the
 * database over, so no two clocks are compared. A dead process of this very machine need not be waited for. An owner that could not renew
 * for seven seconds (it was stopped, or the server was away) makes sure that the database is still its own before it reads or writes.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { HubError } from '../../errors.js';
import type { Mongo } from './database.js';
import { facts, type FactDoc } from './facts.js';
import type { Table } from './table.js';

const renewMs = 2000;
const doubtMs = 7000;
const expireMs = 10_000;
const lookMs = 200;

/** The holder of a database that several hubs share: each of them renews the mark. */
const together = 'several hubs';

interface Claim {
  holder: string;
  pid: number;
  host: string;
  /** The machine since its start, and the namespace that gives `pid` its meaning; empty where the system does not tell. */
  place: string;
  since: string;
}

/** The ownership of one database by this process. */
export class Ownership {
  private readonly table: Table<FactDoc>;
  private readonly claim: Claim;
  private renewedAt = 0;
  private lost = false;
  private renewing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    mongo: Mongo,
    private readonly shared = false,
  ) {
    this.table = mongo.table(facts, { unguarded: true });
    const since = new Date().toISOString();
    const place = placeOfThisProcess();
    // The pid of one of several says nothing of the others.
    const holder = shared ? together : randomUUID();
    this.claim = { holder, pid: process.pid, host: hostname(), place: shared ? '' : place, since };
  }

  /** Takes the database, after ten seconds when its owner died elsewhere. Rejects with `store_unavailable`, naming an owner that lives. */
  async take(): Promise<void> {
    let seen: { rev: string; at: number } | undefined;
    while (!(await this.table.insert({ _id: 'owner', value: JSON.stringify(this.claim) }))) {
      const found = await this.table.byId('owner');
      const now = performance.now();
      if (!found) continue;
      if (this.shared && this.isMine(found.value)) break;
      if (seen && seen.rev !== found.rev) throw taken(JSON.parse(found.value) as Claim);
      seen ??= { rev: found.rev, at: now };
      const still = now - seen.at > expireMs || isFree(found.value);
      if (still && (await this.replace(found.rev))) break;
      if (!still) await sleep(lookMs);
    }
    this.renewedAt = performance.now();
    this.timer = setInterval(() => void this.renew().catch(() => undefined), renewMs).unref();
  }

  /** Resolves when the database is ours for sure. Rejects with `store_unavailable`. */
  async held(): Promise<void> {
    if (this.lost) throw stolen();
    if (performance.now() - this.renewedAt > doubtMs) await this.renew();
  }

  /** Gives the database free. */
  async release(): Promise<void> {
    this.stop();
    await this.table.change('owner', ({ value }) =>
      this.isMine(value) ? { set: { value: '' }, answer: null } : { answer: null },
    );
  }

  /** No longer says that this hub has it. */
  stop(): void {
    clearInterval(this.timer);
  }

  private renew(): Promise<void> {
    this.renewing ??= this.renewed().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async renewed(): Promise<void> {
    const at = performance.now();
    const mine = await this.table.change('owner', ({ value }) => {
      // One of several that left for the last took it for alone.
      const given = this.shared && value === '';
      if (!given && !this.isMine(value)) return { answer: false };
      return { set: { value: given ? JSON.stringify(this.claim) : value }, answer: true };
    });
    if (mine !== true) this.lost = true;
    if (this.lost) throw stolen();
    this.renewedAt = at;
  }

  private async replace(rev: string): Promise<boolean> {
    const value = JSON.stringify(this.claim);
    const done = await this.table.change('owner', (document) =>
      document.rev === rev ? { set: { value }, answer: true } : { answer: false },
    );
    return done === true;
  }

  private isMine(value: string): boolean {
    return value !== '' && (JSON.parse(value) as Claim).holder === this.claim.holder;
  }
}

/** Is the claim given back, or that of a process of this machine that is gone? */
function isFree(value: string): boolean {
  if (value === '') return true;
  const claim = JSON.parse(value) as Claim;
  return claim.place !== '' && claim.place === placeOfThisProcess() && !isAlive(claim.pid);
}

/** Is there a process of this number? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What gives a process's number its meaning: this machine since its start, and the namespace; empty where the system does not tell. */
export function placeOfThisProcess(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

function taken({ holder, pid, host, since }: Claim): HubError {
  if (holder === together)
    return new HubError(
      'store_unavailable',
      'Several hubs share this MongoDB database; set REDIS_URL to theirs to be one of them, or give this one another database in DATABASE_URL.',
    );
  const where = host === hostname() ? '' : ` on ${host}`;
  return new HubError(
    'store_unavailable',
    `Process ${pid}${where}, running since ${since}, already uses this MongoDB database; stop it first, or give this one another database in DATABASE_URL.`,
  );
}

function stolen(): HubError {
  return new HubError(
    'store_unavailable',
    'Another hub has taken this MongoDB database over while this one could not reach it; stop one of the two, then start the other anew.',
  );
}
