/** A node's calls to its hubs: one line to each, opened again whenever it breaks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HubError } from '../../errors.js';
import type { Log } from '../../log.js';
import { among, createPeer, type Find, type Handler, type Peer } from './peer.js';
import { goodbye, type Hello, linePath, Welcome } from './protocol.js';
import { dial, type LiveLimits, Refused } from './socket.js';

export interface DialerOptions {
  url: string;
  /** Of several that stand behind its name; absent: whichever the system takes. */
  address?: string | undefined;
  token: string;
  hello: Hello;
  /** What the node does for the hub, once it knows whose that is. */
  welcomed: (installation: string, peer: Peer) => Session;
  limits?: LiveLimits;
  log: Log;
}
/** A hub that has let the node in. */
export interface Session {
  readonly handlers: Readonly<Record<string, Handler>>;
  /** The line has ended. */
  end(): void;
}
export interface Dialer {
  /** Resolves when the first line is open. Rejects with an Error in words when the hub would not have the node; goes on all the same. */
  readonly first: Promise<void>;
  stop(): Promise<void>;
}

const firstPauseMs = 200;
const longestPauseMs = 2000;
/** What the operator must mend is not asked again so soon. */
const refusedPauseMs = 5000;

/** Keeps a line to the hub at `url` until it is stopped. */
export function startDialer(options: DialerOptions): Dialer {
  const { url, log } = options;
  const stopping = new AbortController();
  let current: Peer | null = null;
  let settle: (error?: Error) => void = () => undefined;
  const first = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  first.catch(() => undefined);
  let said = '';
  const complain = (words: string): void => {
    if (words !== said) log.warn({ hub: url, address: options.address }, words);
    said = words;
  };
  const once = async (): Promise<'ended' | 'refused'> => {
    const peer = await open(options, (made) => (current = made));
    settle();
    said = '';
    log.info({ hub: url, address: options.address }, 'the hub has taken this node');
    const { code, reason } = await peer.closed;
    if (stopping.signal.aborted) return 'ended';
    complain(`the line to the hub ended: ${reason || `code ${code}`}`);
    return code >= goodbye.revoked ? 'refused' : 'ended';
  };
  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted;) {
      const outcome = await once().catch((error: unknown): 'again' | 'refused' => {
        const words = wordsOf(error);
        complain(`the hub does not take this node: ${words}`);
        if (!(error instanceof Refused) || error.status >= 500) return 'again';
        // Itself, by another address of the same hub; or a node that has yet to be missed.
        if (error.status === 409) return 'refused';
        settle(new Error(`The hub at ${url} does not take this node: ${words}`));
        return 'refused';
      });
      failures = outcome === 'ended' ? 0 : failures + 1;
      current = null;
      const backoff = Math.min(firstPauseMs * 2 ** failures, longestPauseMs) * (0.5 + Math.random() / 2);
      const pause = outcome === 'refused' ? refusedPauseMs : backoff;
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    first,
    async stop() {
      stopping.abort();
      current?.close(goodbye.stopping, 'The node stops.');
      await running;
    },
  };
}

/** OpenSSL's words for a certificate that nobody known has signed. */
const unknownSigner = /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY|GET_ISSUER_CERT))/;

/** Why no line came about, and what to set where that helps. */
function wordsOf(error: unknown): string {
  const { code = '', message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) };
  if (!unknownSigner.test(code)) return message;
  return `${message}. Set NODE_EXTRA_CA_CERTS to a file with the certificate of the authority that has signed the hub's.`;
}

/** A line on which the hub has answered the hello. Rejects with `Refused` when it would not. */
async function open(options: DialerOptions, made: (peer: Peer) => void): Promise<Peer> {
  const { url, address, token, hello, limits } = options;
  const line = await dial(`${url}${linePath}`, { token, address, limits });
  let known: (session: Session) => void = () => undefined;
  const session = new Promise<Session>((resolve) => (known = resolve));
  // The hub may ask for something in the same breath in which it answers the hello.
  const find: Find = (name) => async (value, bytes) => {
    const handler = among((await session).handlers)(name);
    if (!handler) throw new HubError('invalid', `The node does not know ${JSON.stringify(name)}.`);
    return handler(value, bytes);
  };
  const peer = createPeer(line, find, 'The line to the hub broke.');
  made(peer);
  try {
    const { value } = await peer.call('hello', { value: hello });
    const opened = options.welcomed(Welcome.parse(value).installation, peer);
    void peer.closed.then(() => opened.end());
    known(opened);
    return peer;
  } catch (error) {
    const { code, reason } = await closedBy(peer);
    throw code >= 4000 ? new Refused(code === goodbye.twin ? 409 : 403, reason) : error;
  }
}

function closedBy(peer: Peer) {
  peer.close(goodbye.stopping, '');
  return peer.closed;
}
