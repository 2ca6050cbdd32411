/**
 * Several hubs on one database. Conversations fall into shards by a hash of their names; one document, the ring, says whose each shard is and
 * under which epoch. A hub shows its life by one document of its own, written once a second: so a lease costs no write per conversation, nor
 * per message. Hubs agree on who is to have what by rendezvous hashing over those that live. A shard whose owner lives is given away by that
 * owner, once nothing of it runs; one whose owner's pulse stands still for five seconds, by the taker's own clock, is taken.
 */
import { createHash, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { At, Holding, HubFacts, LeaseDuties, Leases } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import { facts, type FactDoc } from './facts.js';
import { lateError } from './failure.js';
import { isAlive, placeOfThisProcess } from './owner.js';
import type { Table } from './table.js';

interface HubDoc extends Stored, Omit<HubFacts, 'id'> {
  _id: string;
  /** The machine since its start, and the namespace that gives `pid` its meaning; empty where the system does not tell. */
  place: string;
}
export const hubs: Collection<HubDoc, 'all'> = {
  name: 'hubs',
  fields: { _id: 'string', url: 'string', host: 'string', pid: 'number', since: 'string', place: 'string' },
  indexes: {},
  questions: { all: { index: 'id', equal: [], sorted: ['_id'] } },
};

/** Whose a shard is ('': nobody's), and how often it was taken. */
interface Shard {
  owner: string;
  epoch: number;
}
const shardCount = 256;
const pulseMs = 1000;
/** How long the pulse of another hub stands still before it counts as gone; and how long a hub believes in its own. */
const expireMs = 5000;
const believeMs = 4000;
/** Who has not looked for so long has seen nothing: it may have stood still itself, or the store was away for all. */
const gapMs = 2500;
/** The document of a hub that is gone is removed after this time. */
const forgetMs = 60_000;
/** After so long without another hub nothing of one is left to be found. */
const aloneMs = 15_000;
const drainLookMs = 30;
const most = 1000;

const hashOf = (text: string): number => createHash('sha1').update(text).digest().readUInt32BE(0);
/** In which shard a conversation is. */
export const shardOf = ({ appId, conversation }: At): number => hashOf(`${appId} ${conversation}`) % shardCount;

/** To whom each shard is to belong while these hubs live. */
export function placed(ids: readonly string[]): string[] {
  return Array.from({ length: shardCount }, (_, shard) =>
    ids.reduce((best, id) => {
      const [theirs, its] = [hashOf(`${best} ${shard}`), hashOf(`${id} ${shard}`)];
      return best === '' || its > theirs || (its === theirs && id > best) ? id : best;
    }, ''),
  );
}

/** Answers what must be stamped before a shard is open; asked again until it resolves. */
export type Claim = (mine: (at: At) => boolean, epochOf: (at: At) => number) => Promise<void>;

export class MongoLeases implements Leases {
  readonly id = randomUUID().slice(0, 8);
  private readonly table: Table<HubDoc, 'all'>;
  private readonly facts: Table<FactDoc>;
  private readonly self: Omit<HubDoc, 'rev'>;
  private ring: Shard[] = Array.from({ length: shardCount }, () => ({ owner: '', epoch: 0 }));
  /** When the pulse of each hub was last seen to move. */
  private readonly seen = new Map<string, { rev: string; at: number }>();
  private living: HubFacts[] = [];
  private readonly opening = new Set<number>();
  private giving = new Set<number>();
  private readonly borrowed = new Map<string, number>();
  private lookedAt = 0;
  /** Until when this hub is sure of what it has. */
  private sureUntil = 0;
  private aloneSince: number | null = null;
  private duties: LeaseDuties | undefined;
  private looking: Promise<void> | undefined;
  private opens: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private left = false;

  constructor(
    private readonly mongo: Mongo,
    /** Writes the new epochs into what is under way. */
    private readonly claim: Claim,
  ) {
    this.table = mongo.table(hubs);
    this.facts = mongo.table(facts);
    const place = placeOfThisProcess();
    const since = new Date().toISOString();
    this.self = { _id: this.id, url: null, host: hostname(), pid: process.pid, since, place };
  }

  stateOf(at: At): Holding {
    const shard = shardOf(at);
    if (this.ring[shard]?.owner !== this.id || this.giving.has(shard)) return 'other';
    if (!this.sure) return 'unsure';
    return this.opening.has(shard) ? 'opening' : 'own';
  }

  ownerOf(at: At): string | null {
    const owner = this.ring[shardOf(at)]?.owner ?? '';
    return this.living.some(({ id }) => id === owner) ? owner : null;
  }

  hubs(): HubFacts[] {
    return this.living;
  }

  alone(): boolean {
    return this.aloneSince !== null && performance.now() - this.aloneSince > aloneMs;
  }

  epochOf(at: At): number {
    const lent = this.borrowed.get(keyOf(at));
    const { owner, epoch } = this.ring[shardOf(at)] ?? { owner: '', epoch: 0 };
    if (lent === undefined && owner !== this.id) throw movedError();
    if (!this.sure) throw lateError();
    return lent ?? epoch;
  }

  borrow(at: At, epoch: number): () => void {
    this.borrowed.set(keyOf(at), epoch);
    return () => void this.borrowed.delete(keyOf(at));
  }

  async start(duties: LeaseDuties): Promise<void> {
    this.duties = duties;
    await this.look();
    await this.opens;
    this.timer = setInterval(() => void this.look().catch(() => undefined), pulseMs);
  }

  show(url: string): void {
    this.self.url = url;
    void this.look().catch(() => undefined);
  }

  async look(): Promise<void> {
    if (this.left || !this.duties) return;
    this.looking ??= this.looked(this.duties).finally(() => (this.looking = undefined));
    await this.looking;
  }

  async leave(): Promise<void> {
    if (!this.duties || this.left) return;
    this.stop();
    await this.looking?.catch(() => undefined);
    await this.mongo.run(async () => {
      this.ring = await this.change((shard) => (shard.owner === this.id ? { ...shard, owner: '' } : shard));
      await this.table.removeOne(this.id);
    });
    this.duties.changed();
  }

  /** The store is closed: what this hub still has is taken when its pulse has stood still long enough. */
  stop(): void {
    this.left = true;
    clearInterval(this.timer);
  }

  private get sure(): boolean {
    return performance.now() < this.sureUntil;
  }

  private async looked(duties: LeaseDuties): Promise<void> {
    const now = performance.now();
    if (now - this.lookedAt > gapMs) this.seen.clear();
    // Who lent them has taken this hub for gone.
    if (!this.sure) this.borrowed.clear();
    const { found, ring } = await this.mongo.run(async () => {
      await this.table.put(this.self);
      return { found: await this.table.find('all', {}, { limit: most }), ring: await this.read() };
    });
    this.lookedAt = performance.now();
    this.see(found);
    const before = this.ring;
    this.ring = ring;
    // What another took meanwhile and gave back is not as this hub left it.
    for (const [shard, { owner, epoch }] of ring.entries())
      if (owner === this.id && before[shard]?.owner === this.id && before[shard].epoch !== epoch)
        this.opening.add(shard);
    this.sureUntil = now + believeMs;
    await this.divide(duties);
  }

  /** Notes which pulses moved, and forgets hubs that are long gone. */
  private see(found: HubDoc[]): void {
    const now = performance.now();
    for (const { _id: id, rev } of found) {
      if (this.seen.get(id)?.rev !== rev) this.seen.set(id, { rev, at: now });
    }
    const still = (id: string): number => now - (this.seen.get(id)?.at ?? now);
    const gone = ({ _id, place, pid }: HubDoc): boolean =>
      _id !== this.id &&
      (still(_id) > expireMs || (place !== '' && place === this.self.place && pid !== process.pid && !isAlive(pid)));
    this.living = found.filter((hub) => !gone(hub)).map(factsOf);
    if (this.living.length > 1) this.aloneSince = null;
    else this.aloneSince ??= now;
    for (const { _id: id } of found.filter((hub) => gone(hub) && still(hub._id) > forgetMs)) {
      this.seen.delete(id);
      void this.mongo.run(() => this.table.removeOne(id)).catch(() => undefined);
    }
  }

  /** Takes what is to be this hub's and free, and begins to give away what is to be another's. */
  private async divide(duties: LeaseDuties): Promise<void> {
    const ids = this.living.map(({ id }) => id);
    const wanted = placed(ids);
    const own = [...this.ring.keys()].filter((shard) => this.ring[shard]?.owner === this.id);
    const giving = new Set(own.filter((shard) => wanted[shard] !== this.id));
    // Who was to have them is gone: they stay, with what they refused meanwhile.
    for (const shard of this.giving) if (!giving.has(shard) && own.includes(shard)) this.opening.add(shard);
    if (this.giving.size === 0 && giving.size > 0) setTimeout(() => this.give(duties), drainLookMs);
    this.giving = giving;
    const free = (owner: string): boolean => !ids.includes(owner);
    if (this.ring.some(({ owner }, shard) => wanted[shard] === this.id && free(owner))) {
      const taken: number[] = [];
      const ring = await this.mongo.run(() =>
        this.change((shard, place) => {
          if (wanted[place] !== this.id || !free(shard.owner)) return shard;
          taken.push(place);
          return { owner: this.id, epoch: shard.epoch + 1 };
        }),
      );
      for (const place of taken) if (ring[place]?.owner === this.id) this.opening.add(place);
      this.ring = ring;
      duties.changed();
    }
    // Beside the pulse, which must not wait for it. What fails is tried again at the next look.
    if (this.opening.size > 0)
      this.opens ??= this.open(duties)
        .catch(() => undefined)
        .finally(() => (this.opens = undefined));
  }

  private async open(duties: LeaseDuties): Promise<void> {
    const shards = new Set([...this.opening].filter((shard) => this.ring[shard]?.owner === this.id));
    const mine = (at: At): boolean => shards.has(shardOf(at));
    await this.mongo.unhurried(() => this.claim(mine, (at) => this.ring[shardOf(at)]?.epoch ?? 0));
    await duties.open(mine);
    for (const shard of this.opening)
      if (shards.has(shard) || this.ring[shard]?.owner !== this.id) this.opening.delete(shard);
  }

  private give(duties: LeaseDuties): void {
    if (this.left || this.giving.size === 0) return;
    const done = new Set([...this.giving].filter((shard) => duties.idle((at) => shardOf(at) === shard)));
    const given =
      done.size === 0
        ? Promise.resolve()
        : this.mongo
            .run(() =>
              this.change((shard, place) =>
                done.has(place) && shard.owner === this.id ? { ...shard, owner: '' } : shard,
              ),
            )
            .then((ring) => {
              this.ring = ring;
              for (const shard of done) this.giving.delete(shard);
              duties.changed();
            });
    void given
      .catch(() => undefined)
      .then(() => sleep(drainLookMs))
      .then(() => this.give(duties));
  }

  private async read(): Promise<Shard[]> {
    const text = (await this.facts.byId('ring'))?.value;
    return text === undefined ? this.ring : shardsOf(text);
  }

  /** Changes the ring as one; answers it as it is then. */
  private async change(of: (shard: Shard, place: number) => Shard): Promise<Shard[]> {
    for (;;) {
      const ring = await this.facts.change('ring', ({ value }) => {
        const after = shardsOf(value).map(of);
        return { set: { value: textOf(after) }, answer: after };
      });
      if (ring) return ring;
      await this.facts.insert({ _id: 'ring', value: textOf(this.ring.map(() => ({ owner: '', epoch: 0 }))) });
    }
  }
}

const keyOf = ({ appId, conversation }: At): string => `${appId} ${conversation}`;
const factsOf = ({ _id: id, url, host, pid, since }: HubDoc): HubFacts => ({ id, url, host, pid, since });
const textOf = (ring: Shard[]): string => JSON.stringify(ring.map(({ owner, epoch }) => [owner, epoch]));
const shardsOf = (text: string): Shard[] =>
  (JSON.parse(text) as [string, number][]).map(([owner, epoch]) => ({ owner, epoch }));
const movedError = (): HubError =>
  new HubError('stopping', 'Another hub has this conversation by now; send the message again in a moment.');
