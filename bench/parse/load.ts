/** The driver of `npm run bench:parse`, in a thread of its own: every connection asks as soon as it was answered. */
import { parentPort, workerData } from 'node:worker_threads';
import { Line } from '../path/wire.js';

interface Task {
  port: number;
  path: string;
  token: string;
  connections: number;
  seconds: number;
}
const { port, path, token, connections, seconds } = workerData as Task;
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const bodies = Array.from({ length: 20 }, (_, n) => JSON.stringify({ text: `can you deliver ${n} of them to Spain` }));

let answered = 0;
async function ask(line: Line, n: number): Promise<void> {
  const status = await line.post({ path, headers, body: bodies[n % bodies.length] ?? '' });
  if (status !== 200) throw new Error(`status ${status}`);
}

const lines = await Promise.all(Array.from({ length: connections }, () => Line.open(port)));
for (let n = 0; n < bodies.length; n += 1) await ask(lines[0]!, n);
const began = performance.now();
await Promise.all(
  lines.map(async (line, at) => {
    for (let n = at; performance.now() - began < seconds * 1000; n += 1) {
      await ask(line, n);
      answered += 1;
    }
    line.close();
  }),
);
parentPort?.postMessage((answered * 1000) / (performance.now() - began));
