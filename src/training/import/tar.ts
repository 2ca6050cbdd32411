/** Reads tar, gzipped or not. The only importer of tar-stream, with the writer in `writeTar`. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { extract, type Header, pack } from 'tar-stream';
import type { File, Meter, RawEntry, Reader } from './archive.js';

const gzipMagic = 0x1f;
/** Headers that say something of the next entry are read by the library; of all else only these are taken. */
const kinds: Partial<Record<NonNullable<Header['type']>, 'file' | 'folder'>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'folder',
};
const words: Partial<Record<NonNullable<Header['type']>, string>> = {
  link: 'a link',
  symlink: 'a link',
  'character-device': 'a device',
  'block-device': 'a device',
  fifo: 'a pipe',
};

export const readTar: Reader = async function* (archive, meter) {
  const source = Readable.from([archive]);
  const bytes = archive[0] === gzipMagic ? source.pipe(createGunzip()) : source;
  const tar = extract();
  // What ends it badly is thrown where the entries are read.
  pipeline(bytes, metered(meter), tar).catch(() => undefined);
  for await (const entry of tar) {
    yield entryOf(entry.header, entry as AsyncIterable<Buffer>);
    entry.resume();
  }
};

const metered = (meter: Meter) =>
  async function* (source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const piece of source) {
      meter(piece.length);
      yield piece;
    }
  };

function entryOf({ name, type }: Header, content: AsyncIterable<Buffer>): RawEntry {
  const kind = kinds[type] ?? { other: words[type] ?? 'of a kind that no project has' };
  return { name, kind, content: () => content };
}

/** A tar.gz of these files, as a stream. The same files make the same bytes. */
export function writeTar(files: readonly File[]): AsyncIterable<Buffer> {
  const tar = pack();
  // A reader who hangs up closes all of it with an error, which each part says of itself; unheard, that would end the process.
  const unheard = (): void => undefined;
  tar.on('error', unheard);
  for (const { path, bytes } of files)
    tar.entry({ name: path, mode: 0o644, mtime: new Date(0) }, bytes).on('error', unheard);
  tar.finalize();
  return tar.pipe(createGzip());
}
