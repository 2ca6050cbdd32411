/** Reads zip. The only importer of yauzl. */
import { fromBuffer, type Entry, type ZipFile } from 'yauzl';
import type { Meter, RawEntry, Reader } from './archive.js';

/** Bits of the flags: the entry is encrypted; its name is UTF-8. */
const encrypted = 0x1;
const utf8Name = 0x800;
/** File types in the upper half of the external attributes, as Unix has them. */
const typeMask = 0xf000;
const types: Partial<Record<number, string>> = {
  0xa000: 'a link',
  0x6000: 'a device',
  0x2000: 'a device',
  0x1000: 'a pipe',
  0xc000: 'a socket',
};

export const readZip: Reader = async function* (archive, meter) {
  const zip = await opened(archive);
  for (;;) {
    const entry = await next(zip);
    if (entry === null) return;
    const read = { yes: false };
    yield entryOf(zip, entry, (bytes) => {
      read.yes = true;
      meter(bytes);
    });
    // What nobody asked for was not unpacked; it counts as what it says of itself.
    if (!read.yes) meter(entry.uncompressedSize);
  }
};

/** Names arrive as bytes: whether they are good is not for the library to say, which would stop at the first. */
function opened(archive: Buffer): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    fromBuffer(archive, { lazyEntries: true, decodeStrings: false, validateEntrySizes: true }, (error, zip) => {
      if (error) reject(error);
      else resolve(zip);
    });
  });
}

function next(zip: ZipFile): Promise<Entry | null> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      zip.removeAllListeners();
      act();
    };
    zip.once('entry', (entry: Entry) => settle(() => resolve(entry)));
    zip.once('end', () => settle(() => resolve(null)));
    zip.once('error', (error: Error) => settle(() => reject(error)));
    zip.readEntry();
  });
}

function entryOf(zip: ZipFile, entry: Entry, meter: Meter): RawEntry {
  const name = nameOf(entry);
  const type = types[(entry.externalFileAttributes >>> 16) & typeMask];
  const secret = (entry.generalPurposeBitFlag & encrypted) !== 0;
  const other = type ?? (secret ? 'encrypted' : undefined);
  const kind = other ? { other } : name.endsWith('/') ? 'folder' : 'file';
  return { name, kind, content: () => contentOf(zip, entry, meter) };
}

/** In UTF-8 where it says so or is so, else as Chinese Windows writes names, else byte by byte. */
function nameOf({ fileName, generalPurposeBitFlag }: Entry): string {
  const bytes = fileName as unknown as Buffer;
  for (const encoding of ['utf-8', 'gb18030']) {
    try {
      return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      if ((generalPurposeBitFlag & utf8Name) !== 0) break;
    }
  }
  return bytes.toString('latin1');
}

async function* contentOf(zip: ZipFile, entry: Entry, meter: Meter): AsyncIterable<Buffer> {
  const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => {
      if (error) reject(error);
      else resolve(opened);
    });
  });
  for await (const piece of stream as AsyncIterable<Buffer>) {
    meter(piece.length);
    yield piece;
  }
}
