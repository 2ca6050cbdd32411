/**
 * Bots, and the door to what is a bot's own: it is written only while the bot is there, and goes with it. A bot that is being deleted is
 * marked first; what was cut off is finished at the next start. One that is made with files has that mark until they are there. Where several
 * hubs share the database, one that was deleted keeps its mark for a while and is swept once more: another hub may have written to it yet.
 */
import type { Bot, BotOptions, BotStore, Listed, Page, ProjectFile } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { first, Pager } from '../page.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import { Doors } from './lanes.js';
import type { Table } from './table.js';

interface BotDoc extends Stored, Omit<Bot, 'appId' | 'instances' | 'options' | 'remoteAuth'> {
  /** The APP_ID. */
  _id: string;
  seq: number;
  minInstances: number;
  maxInstances: number;
  deleting: boolean;
  /** It has the mark because its files are still to come. */
  making?: boolean | null;
  /** As JSON; absent in documents of older releases. */
  options?: string | null;
  /** Absent in documents of older releases. */
  remoteAuth?: string | null;
}
type Questions = 'byAge' | 'all';
export const bots: Collection<BotDoc, Questions> = {
  name: 'bots',
  fields: {
    _id: 'string',
    seq: 'number',
    name: 'string',
    language: 'string',
    template: 'string',
    pipeline: 'string',
    engine: 'string',
    remoteUrl: 'string',
    threshold: 'number',
    activeModel: 'string',
    lateAnswers: 'string',
    runtime: 'string',
    minInstances: 'number',
    maxInstances: 'number',
    createdAt: 'string',
    updatedAt: 'string',
    deleting: 'boolean',
    making: 'boolean',
    options: 'string',
    remoteAuth: 'string',
  },
  indexes: { by_age: { keys: ['deleting', 'createdAt', 'seq'] } },
  questions: {
    byAge: { index: 'by_age', equal: ['deleting'], sorted: ['createdAt', 'seq'] },
    all: { index: 'by_age', equal: ['deleting'] },
  },
};

/** Of a shared database: so long a bot counts as being there once it was seen, and so far apart are two looks at those that are marked. */
const knownMs = 2000;
const sweepMs = 10_000;

/** Removes what is a bot's own from one sub-store. */
export type Sweep = (appId: string) => Promise<unknown>;
/** Writes the files that a bot is made with. */
export type Furnish = (appId: string, files: readonly ProjectFile[]) => Promise<void>;

/** The bots of one database. */
export class MongoBots implements BotStore {
  private readonly table: Table<BotDoc, Questions>;
  private readonly doors = new Doors();
  /** When each was last seen, by the clock of `performance`. */
  private readonly known = new Map<string, number>();
  /** The marked ones that were found at the last look, as they were. */
  private marked = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private readonly sweeps: Sweep[] = [];
  private furnish: Furnish | undefined;
  private readonly pager = new Pager<BotDoc>('bots', first, (bot) => [bot.createdAt, bot.seq]);

  constructor(
    private readonly mongo: Mongo,
    private readonly numbers: Numbers,
    private readonly shared = false,
  ) {
    this.table = mongo.table(bots);
  }

  /** Registers what else goes with a bot. */
  onDelete(...sweeps: Sweep[]): void {
    this.sweeps.push(...sweeps);
  }

  /** Registers who writes the files of a new bot. */
  onCreate(furnish: Furnish): void {
    this.furnish = furnish;
  }

  /** Runs `work`, which writes something of the bot's; the bot is not deleted meanwhile. Rejects with `not_found` when there is no such bot. */
  within<T>(appId: string, work: () => Promise<T>): Promise<T> {
    return this.doors.enter(appId, async () => {
      // Nobody else creates or deletes bots while the database is ours alone.
      const seen = this.known.get(appId) ?? -Infinity;
      const now = performance.now();
      if (now - seen > (this.shared ? knownMs : Infinity) || seen === -Infinity) {
        if (!(await this.find(appId)))
          throw new HubError('not_found', 'The bot or job this belongs to is not there (any more); create it first.');
        this.known.set(appId, now);
      }
      return work();
    });
  }

  create(bot: Bot, files: readonly ProjectFile[] = []): Promise<void> {
    const { appId } = bot;
    return this.mongo.run(() =>
      this.doors.close(appId, async () => {
        // Marked as one that goes, it is nobody's until its files are there; and goes, if that is cut off.
        const deleting = files.length > 0;
        const seq = await this.numbers.next();
        await this.insert({ _id: appId, seq, deleting, making: deleting, ...fieldsOf(bot) });
        if (!deleting) return;
        try {
          await this.furnish?.(appId, files);
        } catch (error) {
          await this.swept(appId);
          throw error;
        }
        await this.table.change(appId, () => ({ set: { deleting: false, making: false }, answer: true }));
      }),
    );
  }

  private async insert(document: Omit<BotDoc, 'rev'>): Promise<void> {
    if (await this.table.insert(document)) return;
    const { _id: appId } = document;
    // Is it one whose deletion was cut off?
    const found = await this.table.byId(appId);
    if (found?.deleting && !(this.shared && found.making)) {
      await this.swept(appId);
      if (await this.table.insert(document)) return;
    }
    throw new HubError('bot_exists', `There is a bot with the APP_ID ${appId} already; choose another.`);
  }

  get(appId: string): Promise<Bot | null> {
    return this.mongo.run(() => this.find(appId));
  }

  list(page: Page): Promise<Listed<Bot>> {
    return this.mongo.run(
      async () => {
        const { key, fetch } = this.pager.where(page);
        const found = await this.table.find('byAge', { deleting: false }, { after: key, limit: fetch });
        return this.pager.page(page, found, botOf);
      },
      { unhurried: true },
    );
  }

  update(appId: string, change: Partial<Omit<Bot, 'appId' | 'createdAt'>>): Promise<Bot | null> {
    return this.mongo.run(async () => {
      const changed = await this.table.change(appId, (document) => {
        if (document.deleting) return { answer: null };
        const bot = { ...botOf(document), ...change, appId, createdAt: document.createdAt };
        return { set: fieldsOf(bot), answer: bot };
      });
      return changed ?? null;
    });
  }

  delete(appId: string): Promise<boolean> {
    return this.mongo.run(
      () =>
        this.doors.close(appId, async () => {
          this.known.delete(appId);
          const marked = await this.table.change(appId, (bot) =>
            bot.deleting ? { answer: false } : { set: { deleting: true }, answer: true },
          );
          if (marked && this.shared) for (const sweep of this.sweeps) await sweep(appId);
          else if (marked) await this.swept(appId);
          return marked === true;
        }),
      { unhurried: true },
    );
  }

  /** Finishes deletions that were cut off; of a shared database from time to time, where nobody is at them any more. */
  async recover(): Promise<void> {
    if (this.shared) {
      this.timer = setInterval(() => void this.sweepMarked().catch(() => undefined), sweepMs).unref();
      return;
    }
    const cut = await this.table.find('all', { deleting: true }, { limit: 1000 });
    for (const bot of cut) await this.swept(bot._id);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Those that have not changed between two looks. */
  private async sweepMarked(): Promise<void> {
    const marked = await this.mongo.run(() => this.table.find('all', { deleting: true }, { limit: 1000 }));
    const still = marked.filter(({ _id, rev }) => this.marked.get(_id) === rev);
    this.marked = new Map(marked.map(({ _id, rev }) => [_id, rev]));
    for (const bot of still) await this.mongo.unhurried(() => this.swept(bot._id));
  }

  private async swept(appId: string): Promise<void> {
    for (const sweep of this.sweeps) await sweep(appId);
    await this.table.removeOne(appId);
  }

  private async find(appId: string): Promise<Bot | null> {
    const document = await this.table.byId(appId);
    return document && !document.deleting ? botOf(document) : null;
  }
}

function fieldsOf({ appId: _appId, instances: { min, max }, options, remoteAuth = null, ...bot }: Bot) {
  return {
    ...bot,
    remoteAuth,
    options: options ? JSON.stringify(options) : null,
    minInstances: min,
    maxInstances: max,
  };
}

function botOf(document: BotDoc): Bot {
  const {
    _id: appId,
    rev: _rev,
    seq: _seq,
    deleting: _deleting,
    making: _making,
    minInstances: min,
    maxInstances: max,
    options,
    remoteAuth,
    ...bot
  } = document;
  return {
    appId,
    ...bot,
    ...(remoteAuth && { remoteAuth }),
    instances: { min, max },
    ...(options && { options: JSON.parse(options) as BotOptions }),
  };
}
