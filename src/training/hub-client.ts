/** What a trainer asks of the hub: the content of a job that it took, and to take its model. Any of several hubs will do. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, fetch } from 'undici';
import type { Log } from '../log.js';

export interface HubClientOptions {
  urls: readonly string[];
  token: string;
  log: Log;
}
/** The job as the line handed it over. */
export interface HeldJob {
  id: string;
  fence: number;
  token: string;
}
export interface HubClient {
  /** The content snapshot as JSON text; null when the job is not wanted any more. Waits for a hub that is away until `signal` aborts. */
  content(job: HeldJob, signal: AbortSignal): Promise<string | null>;
  /** Hands the archive over; false: the job is not wanted any more. Waits for a hub that is away until `signal` aborts. */
  deliver(job: HeldJob, made: { archivePath: string; seconds: number }, signal: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}
type Ask = (url: string) => Promise<{ status: number; text: string }>;
const longestWaitMs = 5000;
const unwanted = [404, 409];

/** Opens the client; no hub need be there. */
export function createHubClient({ urls, token, log }: HubClientOptions): HubClient {
  // Publishing takes as long as the new model takes to come up.
  const dispatcher = new Agent({ headersTimeout: 10 * 60_000, bodyTimeout: 10 * 60_000, connect: { timeout: 3000 } });
  const headersOf = (job: HeldJob) => ({
    authorization: `Bearer ${token}`,
    'x-job-token': job.token,
    'x-job-fence': String(job.fence),
  });
  /** Asks one hub after the other until one answers what it will answer again. */
  const ask = async (what: string, signal: AbortSignal, one: Ask): Promise<string | null> => {
    for (let round = 0; ; round += 1) {
      signal.throwIfAborted();
      const url = urls[round % urls.length] ?? '';
      const answer = await one(url).catch((error: unknown) => ({ status: 0, text: String(error) }));
      signal.throwIfAborted();
      if (answer.status >= 200 && answer.status < 300) return answer.text;
      if (unwanted.includes(answer.status)) return null;
      log.warn(
        { hub: url, status: answer.status, answer: answer.text.slice(0, 300) },
        `the hub did not take ${what}; trying again`,
      );
      await sleep(Math.min(longestWaitMs, 250 * 2 ** Math.floor(round / urls.length)), undefined, { signal });
    }
  };
  return {
    content: (job, signal) =>
      ask('the question for a project', signal, async (url) => {
        const response = await fetch(`${url}/api/v1/jobs/${job.id}/project`, {
          headers: headersOf(job),
          dispatcher,
          signal,
        });
        return { status: response.status, text: await response.text() };
      }),
    async deliver(job, { archivePath, seconds }, signal) {
      const { size } = await stat(archivePath);
      const sha256 = await sha256Of(archivePath);
      const answer = await ask('a model', signal, async (url) => {
        const response = await fetch(`${url}/api/v1/jobs/${job.id}/model`, {
          method: 'PUT',
          headers: {
            ...headersOf(job),
            'content-type': 'application/gzip',
            'content-length': String(size),
            'x-sha256': sha256,
            'x-train-seconds': String(seconds),
          },
          body: createReadStream(archivePath, { highWaterMark: 1 << 20 }),
          duplex: 'half',
          dispatcher,
          signal,
        });
        return { status: response.status, text: await response.text() };
      });
      return answer !== null;
    },
    close: () => dispatcher.destroy(),
  };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
