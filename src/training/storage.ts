/** Cloud storage behind MODEL_STORAGE, by one library for all of them. The only importer of opendal. */
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Operator, RetryLayer, TimeoutLayer } from 'opendal';
import { HubError } from '../errors.js';

/** `whole`: Google's parts are an interface of their own, which not every server that speaks its JSON API has: one request there. */
const services: Record<string, { scheme: string; place: string; whole?: boolean }> = {
  's3:': { scheme: 's3', place: 'bucket' },
  'gs:': { scheme: 'gcs', place: 'bucket', whole: true },
  'azblob:': { scheme: 'azblob', place: 'container' },
};
const chunkBytes = 8 << 20;
const contentType = 'application/octet-stream';

/**
 * Files of one place in cloud storage. All methods reject with `store_unavailable`, and never name the address: it may carry a key.
 */
export interface Storage {
  /** Bytes of the file; null when there is none. */
  size(path: string): Promise<number | null>;
  /** Makes `path` of the local file; it is visible when it is whole. */
  upload(from: string, path: string): Promise<void>;
  download(path: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** The library's own view of the place that `url` names, with the url's query as its options. */
export function operatorOf(url: string): Operator {
  const { protocol, hostname, pathname, searchParams } = new URL(url);
  const service = services[protocol];
  if (!service) throw new Error(`no storage for ${protocol}`);
  return new Operator(service.scheme, {
    [service.place]: hostname,
    root: pathname || '/',
    ...Object.fromEntries(searchParams),
  });
}

/** Opens the place. It must exist; whether it can be used shows at the first file. */
export function openStorage(url: string): Storage {
  const { whole } = services[new URL(url).protocol] ?? {};
  const retry = new RetryLayer();
  retry.maxTimes = 3;
  const timeout = new TimeoutLayer();
  timeout.timeout = 30_000;
  timeout.ioTimeout = 30_000;
  const operator = operatorOf(url).layer(timeout.build()).layer(retry.build());
  return {
    size: (path) =>
      told(async () => {
        const facts = await operator.stat(path).catch((error: unknown) => {
          if (isMissing(error)) return null;
          throw error;
        });
        return facts === null ? null : Number(facts.contentLength);
      }),
    upload: (from, path) =>
      told(async () => {
        if (whole) {
          await operator.write(path, await readFile(from), { contentType });
          return;
        }
        const writer = await operator.writer(path, { chunk: BigInt(chunkBytes), contentType });
        for await (const chunk of createReadStream(from, { highWaterMark: chunkBytes }))
          await writer.write(chunk as Buffer);
        await writer.close();
      }),
    download: (path, to) =>
      told(async () => {
        const reader = await operator.reader(path);
        await pipeline(reader.createReadStream(), createWriteStream(to));
      }),
    remove: (path) => told(() => operator.delete(path)),
  };
}

const isMissing = (error: unknown): boolean => error instanceof Error && /NotFound/.test(error.message);

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const kind = /^\s*(\w+) \(/.exec(error instanceof Error ? error.message : '')?.[1] ?? 'no reason given';
    throw new HubError(
      'store_unavailable',
      `The model storage cannot be used (${kind}). Look at MODEL_STORAGE, its credentials and its network.`,
    );
  }
}
