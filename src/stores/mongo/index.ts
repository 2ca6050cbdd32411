/** The store for production: one MongoDB database, owned by one hub or shared by several. */
import type { Restorable, Store } from '../../contracts.js';
import { MongoApiKeys } from './api-keys.js';
import { MongoAudit } from './audit.js';
import { MongoBots } from './bots.js';
import { MongoCare } from './care.js';
import { MongoChannels } from './channels.js';
import { type EpochOf, MongoConversations, noEpoch } from './conversations.js';
import { connect, type Mongo } from './database.js';
import { MongoDeadLetters } from './dead-letters.js';
import { MongoDocuments } from './documents.js';
import { facts, type FactDoc, Numbers } from './facts.js';
import { storeErrorOf } from './failure.js';
import { MongoFaq } from './faq.js';
import { MongoFiles } from './files.js';
import { MongoJobs } from './jobs.js';
import { type Migrated, migrate } from './migrations.js';
import { createMongoLog } from './log.js';
import { MongoLeases } from './leases.js';
import { MongoModels } from './models.js';
import { MongoOutbox } from './outbox.js';
import { Ownership } from './owner.js';
import { MongoParses } from './parses.js';
import { settingsOf } from './settings.js';
import { createMongoStream } from './stream.js';
import { MongoSubscriptions } from './subscriptions.js';
import type { Table } from './table.js';
import { MongoTemplates } from './templates.js';
import { Texts } from './texts.js';
import { MongoTickets } from './tickets.js';
import { MongoTrackers } from './trackers.js';
import { MongoUsers } from './users.js';

export interface MongoOptions {
  /** The clock that stamps messages. */
  now?: (() => Date) | undefined;
  /** Several hubs may have it open. */
  shared?: boolean | undefined;
  /** How long a call may take, with all its tries; 1,200 ms when absent. */
  patienceMs?: number | undefined;
}

/**
 * Opens the database that `url` names, brings an older schema up to date and finishes what a crash cut off. Rejects with
 * `store_unavailable` when another hub owns it, a newer release wrote it, or it is out of reach.
 */
export function openMongoStore(url: string, options: MongoOptions = {}): Promise<MongoStore> {
  const { shared = false, patienceMs } = options;
  return owned({ url, shared, patienceMs }, async (mongo, owner) => {
    await migrate(mongo);
    const store = new MongoStore(mongo, owner, { shared, now: options.now ?? (() => new Date()) });
    await store.recover();
    return store;
  });
}

/** Brings the schema of the database that `url` names up to date and answers what it did. Rejects as `openMongoStore` does. */
export function migrateMongo(url: string): Promise<Migrated> {
  return owned({ url, shared: true }, async (mongo, owner) => {
    const done = await migrate(mongo);
    await mongo.close(() => owner.release());
    return done;
  });
}

/** Runs `work` on a database that is ours, without hurry; hangs up when it fails. */
async function owned<T>(
  { url, shared, patienceMs }: { url: string; shared: boolean; patienceMs?: number | undefined },
  work: (mongo: Mongo, owner: Ownership) => Promise<T>,
): Promise<T> {
  const mongo = await connect(url, { patienceMs });
  const owner = new Ownership(mongo, shared);
  try {
    await mongo.run(() => owner.take(), { unhurried: true });
    mongo.guard = () => owner.held();
    return await mongo.unhurried(() => work(mongo, owner));
  } catch (error) {
    await mongo.close(() => owner.release());
    throw storeErrorOf(error);
  }
}

/** Store on one MongoDB database. Writes are on the disks of a majority when they resolve. */
export class MongoStore implements Store {
  readonly bots;
  readonly faq;
  readonly files;
  readonly jobs;
  readonly models;
  readonly conversations;
  readonly log;
  readonly care;
  readonly parses;
  readonly documents;
  readonly outbox;
  readonly deadLetters;
  readonly trackers;
  readonly channels;
  readonly templates;
  readonly users;
  readonly apiKeys;
  readonly tickets;
  readonly audit;
  readonly stream;
  readonly subscriptions;
  readonly settings;
  readonly leases?: MongoLeases;
  private readonly now: () => Date;
  private readonly facts: Table<FactDoc>;

  constructor(
    private readonly mongo: Mongo,
    private readonly owner: Ownership,
    { shared, now }: { shared: boolean; now: () => Date },
  ) {
    this.now = now;
    const epochOf: EpochOf = shared ? (at) => this.leases?.epochOf(at) ?? Infinity : noEpoch;
    const numbers = new Numbers(mongo, shared);
    const texts = new Texts(mongo, numbers, shared);
    const bots = new MongoBots(mongo, numbers, shared);
    bots.onDelete((appId) => texts.sweep(appId));
    this.bots = bots;
    this.faq = new MongoFaq(mongo, bots, texts);
    this.files = new MongoFiles(mongo, bots, texts);
    this.jobs = new MongoJobs(mongo, bots, numbers);
    this.models = new MongoModels(mongo, bots, { jobs: this.jobs, numbers });
    const trackers = new MongoTrackers(mongo, bots, numbers, now);
    this.trackers = trackers;
    this.care = new MongoCare(mongo, bots);
    this.conversations = new MongoConversations(mongo, { bots, numbers, trackers, care: this.care, epochOf }, now);
    this.log = createMongoLog(mongo);
    this.parses = new MongoParses(mongo, bots, numbers);
    this.documents = new MongoDocuments(mongo, bots);
    this.outbox = new MongoOutbox(mongo, { numbers, epochOf }, now);
    this.deadLetters = new MongoDeadLetters(mongo, numbers);
    this.channels = new MongoChannels(mongo, bots);
    this.templates = new MongoTemplates(mongo);
    this.users = new MongoUsers(mongo, numbers);
    this.apiKeys = new MongoApiKeys(mongo, bots, numbers);
    this.tickets = new MongoTickets(mongo);
    this.audit = new MongoAudit(mongo, numbers);
    this.stream = createMongoStream(mongo, numbers);
    this.subscriptions = new MongoSubscriptions(mongo, bots, numbers);
    this.settings = settingsOf(mongo);
    this.facts = mongo.table(facts);
    if (shared) this.leases = new MongoLeases(mongo, (mine, epoch) => this.conversations.claim(mine, epoch));
  }

  /** Finishes what a crash cut off. */
  async recover(): Promise<void> {
    await this.bots.recover();
    await this.conversations.recover();
  }

  ping(): Promise<void> {
    return this.mongo.run(() => this.facts.put({ _id: 'pulse', value: this.now().toISOString() }));
  }

  restore(thing: Restorable): Promise<void> {
    return this.mongo.run(
      () => {
        if (thing.kind === 'faq') return this.faq.restore(thing.appId, thing.faq);
        if (thing.kind === 'message') return this.conversations.restore(thing.message);
        if (thing.kind === 'entry') return this.outbox.restore(thing.entry);
        return this.deadLetters.restore(thing.letter);
      },
      { unhurried: true },
    );
  }

  /** No other hub has it open, as far as is known. */
  private get lonely(): boolean {
    return !this.leases || this.leases.hubs().length <= 1;
  }

  close(): Promise<void> {
    this.bots.stop();
    this.leases?.stop();
    this.owner.stop();
    return this.mongo.close(() => (this.lonely ? this.owner.release() : Promise.resolve()));
  }
}
