/** The file of a backup: gzip over one JSON value a line, the same for every kind of store; under a passphrase where one is given. */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type {
  ApiKey,
  AuditEntry,
  Bot,
  Care,
  ChannelHealth,
  ChannelRecord,
  Json,
  Model,
  ModelShelf,
  ProjectFile,
  Restorable,
  Store,
  StoredTemplate,
  Subscription,
  TrainingJob,
  User,
} from '../contracts.js';
import { HubError } from '../errors.js';
import { opened, SealedBackup } from './sealed.js';

export interface BackupParts {
  store: Store;
  shelf: ModelShelf;
  dataDir: string;
  /** Seals the file, and opens it; null or absent: it is not sealed. */
  passphrase?: string | null;
}
/** How much was written or put back, and the digests of model files that are gone. */
export interface BackupSummary {
  bots: number;
  messages: number;
  files: number;
  missing: string[];
}
export type Line =
  | { kind: 'switchboard'; version: number; at: string }
  | { kind: 'secret'; name: string; value: string }
  | { kind: 'setting'; name: string; value: string }
  | { kind: 'bot'; bot: Bot }
  /** Its secrets as the store has them: sealed. */
  | { kind: 'channel'; record: ChannelRecord }
  | { kind: 'health'; appId: string; channel: string; health: ChannelHealth }
  | { kind: 'template'; template: StoredTemplate }
  | { kind: 'user'; user: User }
  /** Its digest: the key itself nobody has but its holder. */
  | { kind: 'key'; key: ApiKey }
  | { kind: 'audit'; entry: AuditEntry }
  /** Its secret as the store has it: sealed. After all events. */
  | { kind: 'subscription'; subscription: Subscription }
  | { kind: 'project'; appId: string; file: ProjectFile }
  | { kind: 'job'; job: TrainingJob }
  | { kind: 'log'; jobId: string; lines: string[] }
  | { kind: 'model'; model: Model }
  | { kind: 'document'; appId: string; name: string; body: Json }
  /** After the messages of its conversation. */
  | { kind: 'care'; appId: string; conversation: string; care: Care }
  | { kind: 'events'; appId: string; sender: string; from: number; events: Json[] }
  /** A piece of a shelf file, as base64; `last` ends it. */
  | { kind: 'shelf'; digest: string; piece: string; last: boolean }
  | Restorable
  | { kind: 'end'; lines: number };

/** Counted up with every new kind of line, which an older release could not put back. */
export const format = 5;
/** The setting that says how far a restore came; the hub does not start on half of one. */
export const marker = 'restore';
export const unfinished = 'unfinished';

/** Rejects with `store_unavailable` when the store holds half of a backup. */
export async function refuseHalfRestored(store: Pick<Store, 'settings'>): Promise<void> {
  if ((await store.settings.get(marker)) !== unfinished) return;
  throw new HubError(
    'store_unavailable',
    'A restore into this store was cut off; run `switchboard restore FILE` once more, it begins anew.',
  );
}

/** Reads the file to its end. Rejects in words for one that is no backup, a newer one, a part of one, or one that the passphrase does not open. */
export async function verify(path: string, passphrase: string | null = null): Promise<void> {
  let lines = 0;
  let whole = false;
  try {
    for await (const line of linesOf(path, passphrase)) {
      if (lines === 0 && (line.kind !== 'switchboard' || line.version > format)) break;
      whole = line.kind === 'end' && line.lines === lines;
      lines += 1;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error(`There is no file ${path}.`, { cause: error });
    if (error instanceof SealedBackup) throw error;
    whole = false;
  }
  if (!whole) throw new Error(`${path} is no whole backup of this release or an older one; nothing was restored.`);
}

/** The lines of a file, one by one. Rejects as reading, opening, inflating and JSON do. */
export async function* linesOf(path: string, passphrase: string | null = null): AsyncGenerator<Line> {
  const inflated = Readable.from(opened(path, passphrase), { objectMode: false })
    .on('error', (error) => inflated.destroy(error))
    .pipe(createGunzip());
  let parts: Buffer[] = [];
  for await (let chunk of inflated as AsyncIterable<Buffer>) {
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10)) {
      yield JSON.parse(Buffer.concat([...parts, chunk.subarray(0, end)]).toString()) as Line;
      parts = [];
      chunk = chunk.subarray(end + 1);
    }
    if (chunk.length > 0) parts.push(chunk);
  }
}
