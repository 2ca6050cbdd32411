/** A hub out of one file, into an empty store of any kind. */
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelShelf, Store, Subscription } from '../contracts.js';
import { type BackupParts, type BackupSummary, type Line, linesOf, marker, unfinished, verify } from './lines.js';

const pageSize = 200;
/** Lines of one kind that are put back at once. */
const batchSize = 100;

/**
 * Puts the hub of a backup into an empty store and its shelf. A file that is damaged or incomplete is refused before anything is written;
 * one that was cut off is begun anew by calling this again. Rejects with an Error in words when the store is not empty.
 */
export async function restore(parts: BackupParts, path: string): Promise<BackupSummary> {
  await verify(path, parts.passphrase);
  await empty(parts.store);
  const summary: BackupSummary = { bots: 0, messages: 0, files: 0, missing: [] };
  await parts.store.settings.set(marker, unfinished);
  const scratch = await mkdtemp(join(tmpdir(), 'switchboard-restore-'));
  try {
    for await (const batch of batches(linesOf(path, parts.passphrase))) {
      await Promise.all(batch.map((line) => putBack(parts, line, { scratch, summary })));
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  await parts.store.settings.set(marker, new Date().toISOString());
  return summary;
}

async function empty(store: Store): Promise<void> {
  const half = (await store.settings.get(marker)) === unfinished;
  const found = await store.bots.list({ limit: pageSize });
  if (!half && found.items.length > 0) {
    const some = found.items.slice(0, 3).map(({ appId }) => appId);
    throw new Error(
      `The store is not empty: it has bots (${some.join(', ')}${found.items.length > 3 ? ', …' : ''}). Restore into a new DATA_DIR or an empty database, before its first start.`,
    );
  }
  if (!half && (await store.users.list({ limit: 1 })).items.length > 0)
    throw new Error('The store is not empty: it has users. Restore into a new DATA_DIR or an empty database.');
  for (let { items } = found; items.length > 0; { items } = await store.bots.list({ limit: pageSize })) {
    for (const { appId } of items) await store.bots.delete(appId);
  }
  for (
    let { items } = await store.users.list({ limit: pageSize });
    items.length > 0;
    { items } = await store.users.list({ limit: pageSize })
  ) {
    for (const { id } of items) await store.users.remove(id);
  }
  for (
    let { items } = await store.apiKeys.list({ limit: pageSize });
    items.length > 0;
    { items } = await store.apiKeys.list({ limit: pageSize })
  ) {
    for (const { id } of items) await store.apiKeys.remove(id);
  }
  for (
    let { items } = await store.subscriptions.list({ limit: pageSize });
    items.length > 0;
    { items } = await store.subscriptions.list({ limit: pageSize })
  ) {
    for (const { id } of items) await store.subscriptions.remove(id);
  }
}

interface Restoring {
  scratch: string;
  summary: BackupSummary;
}

async function putBack(
  { store, shelf, dataDir }: BackupParts,
  line: Line,
  { scratch, summary }: Restoring,
): Promise<void> {
  switch (line.kind) {
    case 'switchboard':
    case 'end':
      return;
    case 'secret':
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      return writeFile(join(dataDir, line.name), line.value, { mode: 0o600 });
    case 'setting':
      return store.settings.set(line.name, line.value);
    case 'bot':
      summary.bots += 1;
      return store.bots.create(line.bot);
    case 'channel':
      return store.channels.put(line.record);
    case 'health':
      return store.channels.note(line.appId, line.channel, line.health);
    case 'template':
      return store.templates.put(line.template);
    case 'user':
      return store.users.create(line.user);
    case 'key':
      return store.apiKeys.add(line.key);
    case 'subscription':
      return putSubscription(store, line.subscription);
    case 'audit':
      return store.audit.add(line.entry);
    case 'project':
      return store.files.write(line.appId, [line.file]);
    case 'job':
      return store.jobs.create(line.job);
    case 'log':
      return store.jobs.appendLog(line.jobId, line.lines);
    case 'model':
      return store.models.add(line.model);
    case 'document':
      return store.documents.put(line.appId, line.name, line.body);
    case 'care':
      return putCare(store, line);
    case 'events':
      return putEvents(store, line);
    case 'shelf':
      return putPiece(shelf, line, { scratch, summary });
    default:
      if (line.kind === 'message') summary.messages += 1;
      return store.restore(line);
  }
}

async function putEvents(store: Store, { appId, sender, from, events }: Line & { kind: 'events' }): Promise<void> {
  if (from === 0) return store.trackers.replace(appId, sender, events);
  if (await store.trackers.append(appId, sender, from, events)) return;
  throw new Error(`The events of ${sender} do not follow each other; make the backup anew.`);
}

/** Positions are the store's own: it goes on with what is said from now on. */
async function putSubscription({ stream, subscriptions }: Store, subscription: Subscription): Promise<void> {
  await subscriptions.add({ ...subscription, position: Number.MAX_SAFE_INTEGER });
  await subscriptions.update(subscription.id, { position: await stream.head() }, subscription.version);
}

async function putCare(store: Store, { appId, conversation, care }: Line & { kind: 'care' }): Promise<void> {
  const { notes, ...rest } = care;
  await store.care.change(appId, conversation, rest);
  for (const note of notes) await store.care.change(appId, conversation, { note });
}

async function putPiece(
  shelf: ModelShelf,
  line: Line & { kind: 'shelf' },
  { scratch, summary }: Restoring,
): Promise<void> {
  const path = join(scratch, 'growing');
  await appendFile(path, Buffer.from(line.piece, 'base64'));
  if (!line.last) return;
  const { digest } = await shelf.putFile(path);
  if (digest !== line.digest) throw new Error(`The model file ${line.digest} is damaged in the backup.`);
  summary.files += 1;
}

/** Lines of one kind in portions; pieces of files one by one. */
async function* batches(lines: AsyncIterable<Line>): AsyncGenerator<Line[]> {
  let batch: Line[] = [];
  for await (const line of lines) {
    const full = batch.length === batchSize || line.kind === 'shelf' || line.kind !== batch[0]?.kind;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
    }
    batch.push(line);
  }
  if (batch.length > 0) yield batch;
}
