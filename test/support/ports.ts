/** Ports for servers that a test starts later, or again. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that Linux gives to connections and to who asks for any port (32768 and up): one that is looked up here, or whose server is away
 * for a moment, is taken by none of them.
 */
const [first, count] = [20_000, 12_000];
/** Processes that run at once begin at different places. */
let next = Math.floor(Math.random() * count);

/** Answers a port of this machine that nobody listens on, and never the same twice. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < count; tries += 1) {
    const port = first + next;
    next = (next + 1) % count;
    if (await isFree(port)) return port;
  }
  throw new Error(`None of the ports ${first} to ${first + count - 1} is free.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
