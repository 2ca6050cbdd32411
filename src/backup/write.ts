/** A hub into one file: all that the store holds, the model files that it names, and the secrets of the data folder, as a stream. */
import { createReadStream, createWriteStream } from 'node:fs';
import { access, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Care, Listed, ModelShelf, Page, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { type BackupParts, type BackupSummary, format, type Line, marker, refuseHalfRestored } from './lines.js';
import { movedSetting } from './moved.js';
import { sealing } from './sealed.js';

const secrets = ['admin-token', 'session-key', 'secret-key'];
const pageSize = 200;
const eventsPerLine = 1000;
const pieceBytes = 1 << 19;

/**
 * Writes the hub to `path`, which must be new; only its owner can read it. Nothing else may use the store meanwhile: it is owned by this
 * process. Rejects, leaving no file.
 */
export async function backUp(parts: BackupParts, path: string): Promise<BackupSummary> {
  const summary: BackupSummary = { bots: 0, messages: 0, files: 0, missing: [] };
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) throw new Error(`${path} is there already; name a new file.`);
  const growing = `${path}.partial`;
  try {
    const out = createWriteStream(growing, { mode: 0o600 });
    const plain = Readable.from(texts(parts, summary));
    if (parts.passphrase) await pipeline(plain, createGzip(), sealing(parts.passphrase), out);
    else await pipeline(plain, createGzip(), out);
    await rename(growing, path);
    return summary;
  } catch (error) {
    await rm(growing, { force: true });
    throw error;
  }
}

async function* texts(parts: BackupParts, summary: BackupSummary): AsyncGenerator<string> {
  let lines = 0;
  for await (const line of everything(parts, summary)) {
    lines += 1;
    yield `${JSON.stringify(line)}\n`;
  }
  yield `${JSON.stringify({ kind: 'end', lines } satisfies Line)}\n`;
}

async function* everything(parts: BackupParts, summary: BackupSummary): AsyncGenerator<Line> {
  const { store, dataDir } = parts;
  await refuseHalfRestored(store);
  yield { kind: 'switchboard', version: format, at: new Date().toISOString() };
  for (const name of secrets) {
    const value = await readFile(join(dataDir, name), 'utf8').catch(nullIfAbsent);
    if (value !== null) yield { kind: 'secret', name, value };
  }
  for (const setting of await store.settings.list()) {
    if (setting.name !== marker && setting.name !== movedSetting) yield { kind: 'setting', ...setting };
  }
  for (const template of await store.templates.list()) yield { kind: 'template', template };
  for await (const user of all((page) => store.users.list(page))) yield { kind: 'user', user };
  const digests = new Set<string>();
  for await (const bot of all((page) => store.bots.list(page))) {
    summary.bots += 1;
    yield { kind: 'bot', bot };
    yield* channelsOf(store, bot.appId);
    yield* contentOf(store, bot.appId, digests);
    for (const document of await store.documents.list(bot.appId)) {
      yield { kind: 'document', appId: bot.appId, ...document };
    }
    yield* talksOf(store, bot.appId, summary);
  }
  for await (const key of all((page) => store.apiKeys.list(page))) yield { kind: 'key', key };
  for await (const subscription of all((page) => store.subscriptions.list(page)))
    yield { kind: 'subscription', subscription };
  // Newest first in the store; put back in the order they came.
  for (const entry of (await gathered((page) => store.audit.list(page, {}))).reverse()) yield { kind: 'audit', entry };
  for await (const entry of all((page) => store.outbox.pending(page))) yield { kind: 'entry', entry };
  for await (const letter of all((page) => store.deadLetters.list(page))) yield { kind: 'letter', letter };
  for (const digest of digests) yield* shelfFile(parts.shelf, digest, summary);
}

async function* channelsOf(store: Store, appId: string): AsyncGenerator<Line> {
  for (const record of await store.channels.list(appId)) yield { kind: 'channel', record };
  for (const [channel, health] of await store.channels.health(appId)) yield { kind: 'health', appId, channel, health };
}

/** What a bot was made from and trained to; notes the model files in `digests`. */
async function* contentOf(store: Store, appId: string, digests: Set<string>): AsyncGenerator<Line> {
  const faq = await store.faq.get(appId);
  if (faq.version > 0) yield { kind: 'faq', appId, faq };
  for (const file of await store.files.read(appId)) yield { kind: 'project', appId, file };
  // Newest first in the store; put back in the order they came, so that equal times keep it.
  for (const job of (await gathered((page) => store.jobs.list(appId, page))).reverse()) {
    digests.add(job.content);
    yield { kind: 'job', job };
    const lines = await store.jobs.log(job.id);
    if (lines.length > 0) yield { kind: 'log', jobId: job.id, lines };
  }
  for (const model of (await gathered((page) => store.models.list(appId, page))).reverse()) {
    digests.add(model.content);
    if (model.archive) digests.add(model.archive);
    yield { kind: 'model', model };
  }
}

async function* talksOf(store: Store, appId: string, summary: BackupSummary): AsyncGenerator<Line> {
  for await (const { id } of all((page) => store.conversations.list(appId, page))) {
    for await (const message of all((page) => store.conversations.messages(appId, id, page))) {
      summary.messages += 1;
      yield { kind: 'message', message };
    }
    const kept = await store.care.get(appId, id);
    if (kept && touched(kept.care)) yield { kind: 'care', appId, conversation: id, care: kept.care };
  }
  for (const sender of await store.trackers.senders(appId)) {
    const events = (await store.trackers.read(appId, sender, true))?.events ?? [];
    for (let from = 0; from === 0 || from < events.length; from += eventsPerLine) {
      yield { kind: 'events', appId, sender, from, events: events.slice(from, from + eventsPerLine) };
    }
  }
}

const touched = ({ state, review, assignee, tags, notes }: Care): boolean =>
  state !== 'bot' || review !== 'unread' || assignee !== null || tags.length > 0 || notes.length > 0;

/** A file that is gone or damaged is noted: the rest of the hub is worth keeping. */
async function* shelfFile(shelf: ModelShelf, digest: string, summary: BackupSummary): AsyncGenerator<Line> {
  const path = await shelf.fetch(digest).catch((error: unknown) => {
    if (error instanceof HubError && error.code === 'model_missing') return null;
    throw error;
  });
  if (path === null) return void summary.missing.push(digest);
  summary.files += 1;
  for await (const piece of createReadStream(path, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>) {
    yield { kind: 'shelf', digest, piece: piece.toString('base64'), last: false };
  }
  yield { kind: 'shelf', digest, piece: '', last: true };
}

/** A secret that is there and cannot be read must not be left out: without it the restored hub could not open what it sealed. */
function nullIfAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

async function* all<T>(list: (page: Page) => Promise<Listed<T>>): AsyncGenerator<T> {
  for (let cursor: string | undefined, more = true; more;) {
    const { items, next } = await list({ limit: pageSize, cursor });
    yield* items;
    cursor = next ?? undefined;
    more = next !== null;
  }
}

async function gathered<T>(list: (page: Page) => Promise<Listed<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of all(list)) items.push(item);
  return items;
}
