/**
 * Unpacks an archive that a stranger packed, into memory and never onto the disk: as much of it as a project can use, with every byte
 * counted while it is unpacked, whatever the archive says of itself. One entry that is not a plain file or folder refuses all of it.
 */
import { HubError } from '../../errors.js';
import { collidingName, nameFault, plainName } from './name.js';
import { readTar } from './tar.js';
import { readZip } from './zip.js';

/** An entry as a reader meets it. */
export interface RawEntry {
  name: string;
  /** In words what it is when it is neither a file nor a folder: `a link`. */
  kind: 'file' | 'folder' | { other: string };
  /** Its bytes, once; they need not be asked for. */
  content(): AsyncIterable<Buffer>;
}
/** Answers the entries in their order. Throws an Error in the words of its library for an archive that is damaged. */
export type Reader = (archive: Buffer, meter: Meter) => AsyncIterable<RawEntry>;
/** Called with every piece that was unpacked; throws when it was one too many. */
export type Meter = (bytes: number) => void;
export interface File {
  path: string;
  bytes: Buffer;
}
export interface Unpacked {
  files: File[];
  /** Paths of the files that were not wanted. */
  others: string[];
}
export interface Limits {
  entries: number;
  /** Unpacked, in all; and how many times the archive that may be. */
  bytes: number;
  ratio: number;
  /** Of the files that are wanted: each, and in all. */
  fileBytes: number;
  wantedBytes: number;
}
export const projectLimits: Limits = {
  entries: 5000,
  bytes: 200e6,
  ratio: 100,
  fileBytes: 5e6,
  wantedBytes: 20e6,
};
/** An archive smaller than this may unpack to whatever its ratio: a few repetitive lines are no bomb. */
const harmlessBytes = 10e6;

const formats: { name: string; at: number; magic: number[]; read: Reader | null }[] = [
  { name: 'zip', at: 0, magic: [0x50, 0x4b, 0x03, 0x04], read: readZip },
  { name: 'empty zip', at: 0, magic: [0x50, 0x4b, 0x05, 0x06], read: readZip },
  { name: 'tar.gz', at: 0, magic: [0x1f, 0x8b], read: readTar },
  { name: 'tar', at: 257, magic: [0x75, 0x73, 0x74, 0x61, 0x72], read: readTar },
  { name: 'bz2', at: 0, magic: [0x42, 0x5a, 0x68], read: null },
  { name: 'xz', at: 0, magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], read: null },
  { name: 'zst', at: 0, magic: [0x28, 0xb5, 0x2f, 0xfd], read: null },
  { name: '7z', at: 0, magic: [0x37, 0x7a, 0xbc, 0xaf], read: null },
  { name: 'rar', at: 0, magic: [0x52, 0x61, 0x72, 0x21], read: null },
];

/** A refusal; `path` is the entry's, null for the archive as a whole. */
export function refusal(path: string | null, detail: string): HubError {
  const pointer = path === null ? '/' : `/${path.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return new HubError('invalid', detail, { errors: [{ pointer, detail }] });
}

/** The wanted files of a zip, tar.gz or tar. Rejects with `invalid` for any that is not safe, too large, damaged or of another kind. */
export async function unpack(
  archive: Buffer,
  wanted: (path: string) => boolean,
  limits: Limits = projectLimits,
): Promise<Unpacked> {
  const format = formats.find(({ at, magic }) => magic.every((byte, place) => archive[at + place] === byte));
  if (!format?.read) {
    const what = format ? `This is a ${format.name} archive.` : 'This is no archive.';
    throw refusal(null, `${what} Send the project as zip or tar.gz.`);
  }
  const unpacking = new Unpacking(archive.length, wanted, limits);
  try {
    for await (const entry of format.read(archive, unpacking.meter)) await unpacking.take(entry);
  } catch (error) {
    if (error instanceof HubError) throw error;
    const words = error instanceof Error ? error.message : String(error);
    throw refusal(null, `The archive is damaged, or no ${format.name}: ${words.slice(0, 200)}. Pack it again.`);
  }
  return unpacking.result;
}

/** One unpacking: what it has so far, and what it has seen. */
class Unpacking {
  readonly result: Unpacked = { files: [], others: [] };
  private readonly seen = new Map<string, 'file' | 'folder'>();
  private entries = 0;
  private unpacked = 0;
  private wantedSize = 0;

  constructor(
    private readonly packed: number,
    private readonly wanted: (path: string) => boolean,
    private readonly limits: Limits,
  ) {}

  readonly meter: Meter = (bytes) => {
    this.unpacked += bytes;
    if (this.unpacked > this.limits.bytes)
      throw refusal(null, `The archive unpacks to more than ${megabytes(this.limits.bytes)}, which is the most.`);
    if (this.unpacked > harmlessBytes && this.unpacked > this.limits.ratio * this.packed)
      throw refusal(
        null,
        `The archive unpacks to more than ${this.limits.ratio} times its size, as archives do that are made to fill a disk.`,
      );
  };

  async take(entry: RawEntry): Promise<void> {
    this.entries += 1;
    if (this.entries > this.limits.entries)
      throw refusal(null, `The archive has more than ${this.limits.entries} entries. Leave out what is not the bot's.`);
    const path = this.checked(entry);
    if (entry.kind !== 'file') return;
    if (this.wanted(path)) this.result.files.push({ path, bytes: await this.read(path, entry) });
    else this.result.others.push(path);
  }

  /** The path of an entry that is allowed. */
  private checked({ name, kind }: RawEntry): string {
    const shown = JSON.stringify(name.slice(0, 200));
    const fault = nameFault(name);
    if (fault) throw refusal(name.slice(0, 200), `The archive is refused: ${shown} ${fault}.`);
    if (typeof kind === 'object')
      throw refusal(
        name,
        `The archive is refused: ${shown} is ${kind.other}. Only files and folders are unpacked; put the file itself there.`,
      );
    const path = plainName(name);
    if (path !== '') this.note(path, kind);
    return path;
  }

  /** Remembers the path and its folders; refuses what cannot lie side by side. */
  private note(path: string, kind: 'file' | 'folder'): void {
    const steps = path.split('/');
    for (let depth = 1; depth <= steps.length; depth += 1) {
      const part = steps.slice(0, depth).join('/');
      const is = depth < steps.length ? 'folder' : kind;
      const key = collidingName(part);
      const before = this.seen.get(key);
      const twice = before !== undefined && (is === 'file' || before === 'file');
      if (twice)
        throw refusal(
          path,
          `The archive is refused: it has ${JSON.stringify(part)} twice, or in two ways of writing it.`,
        );
      this.seen.set(key, is);
    }
  }

  private async read(path: string, entry: RawEntry): Promise<Buffer> {
    const { fileBytes, wantedBytes } = this.limits;
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of entry.content()) {
      size += piece.length;
      this.wantedSize += piece.length;
      if (size > fileBytes)
        throw refusal(path, `${path} is larger than ${megabytes(fileBytes)}, which is the most for a file.`);
      if (this.wantedSize > wantedBytes)
        throw refusal(
          null,
          `The files of the project are more than ${megabytes(wantedBytes)} in all, which is the most.`,
        );
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
