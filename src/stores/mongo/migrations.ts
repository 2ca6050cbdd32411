/**
 * The schema, one step per version. A step that was released is never edited: add the next one. MongoDB has no transaction around them: a
 * step that was cut off runs again from its beginning, so it must bear that. Indexes are no step of their own: the declared ones are made
 * after the steps.
 */
import { HubError } from '../../errors.js';
import { apiKeys } from './api-keys.js';
import { audit } from './audit.js';
import { bots } from './bots.js';
import { cares } from './care.js';
import { channelHealth, channels } from './channels.js';
import type { Mongo } from './database.js';
import { documents } from './documents.js';
import { counters, facts, startCounting } from './facts.js';
import { faqs } from './faq.js';
import { files } from './files.js';
import { hubs } from './leases.js';
import { jobLines, jobs } from './jobs.js';
import { conversations } from './conversations.js';
import { messages } from './messages.js';
import { models } from './models.js';
import { parses } from './parses.js';
import { settings } from './settings.js';
import { heldSendings, subscriptions } from './subscriptions.js';
import { templates } from './templates.js';
import { texts } from './texts.js';
import { tickets } from './tickets.js';
import { trackerEvents, trackers } from './trackers.js';
import { users } from './users.js';
import type { Collection } from './declare.js';

export interface Migration {
  readonly name: string;
  run(mongo: Mongo): Promise<void>;
}
/** What a migration did: from which version to which, and the names of the steps; none when it was up to date. */
export interface Migrated {
  from: number;
  to: number;
  steps: string[];
}

/** All collections. */
export const collections: readonly Collection<never>[] = [
  facts,
  settings,
  bots,
  faqs,
  files,
  texts,
  jobs,
  jobLines,
  models,
  conversations,
  messages,
  trackers,
  trackerEvents,
  channels,
  channelHealth,
  templates,
  users,
  apiKeys,
  tickets,
  audit,
  cares,
  parses,
  documents,
  subscriptions,
  heldSendings,
  counters,
  hubs,
];

/** All steps, oldest first; the version of a database is how many of them it has seen. */
export const migrations: readonly Migration[] = [
  { name: 'first schema', run: () => Promise.resolve() },
  { name: 'numbers that several hubs draw', run: startCounting },
];

/** Brings the schema up to date; answers what it did. Rejects with `store_unavailable` for a database that a newer release wrote. */
export async function migrate(mongo: Mongo, steps: readonly Migration[] = migrations): Promise<Migrated> {
  const table = mongo.table(facts);
  const from = Number((await table.byId('schema'))?.value ?? 0);
  const to = steps.length;
  if (from > to) {
    throw new HubError(
      'store_unavailable',
      `The database has schema version ${from}, this release knows ${to}: a newer Switchboard wrote it. Start that release, or put a backup of the older one in place.`,
    );
  }
  const done: string[] = [];
  for (const step of steps.slice(from)) {
    await step.run(mongo);
    done.push(step.name);
    await table.put({ _id: 'schema', value: String(from + done.length) });
  }
  for (const collection of collections) await mongo.table(collection).prepare();
  return { from, to, steps: done };
}
