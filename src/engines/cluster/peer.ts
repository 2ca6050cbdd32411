/** Questions and answers over a line, both ways at once. A frame is the length of its JSON, the JSON, and bytes that need not be in it. */
import { type ErrorCode, HubError, hubErrorFrom, hubErrorOf } from '../../errors.js';
import type { Closed, Line } from './socket.js';

/** What is asked for, or answered; `bytes` are what JSON would blow up. */
export interface Message {
  value?: unknown;
  bytes?: Buffer;
}
/** Answers a question of the other end. What it rejects with is what the other end's call rejects with. */
// Most have nothing to answer, and say so by ending.
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type
export type Handler = (value: unknown, bytes: Buffer) => Promise<Message | void>;
export interface Peer {
  /** Rejects with the other end's HubError, or with `node_lost` when the line ends first. */
  call(name: string, message?: Message): Promise<Required<Message>>;
  /** Tells without waiting; lost with the line. */
  tell(name: string, value: unknown): void;
  close(code: number, reason: string): void;
  readonly closed: Promise<Closed>;
  readonly open: boolean;
}

interface Frame {
  /** Of a question and of its answer; absent: nobody waits. */
  id?: number;
  /** Of a question. */
  ask?: string;
  value?: unknown;
  /** In place of an answer: `code: words`. */
  error?: string;
  afterSeconds?: number | undefined;
}
interface Waiting {
  resolve: (message: Required<Message>) => void;
  reject: (error: HubError) => void;
}

const nothing = Buffer.alloc(0);
const badFrame = 1007;

/** Finds who answers a question of this name. */
export type Find = (name: string) => Handler | undefined;

export const among =
  (handlers: Readonly<Record<string, Handler>>): Find =>
  (name) =>
    Object.hasOwn(handlers, name) ? handlers[name] : undefined;

/** `lost`: what those who wait are told when the line ends. */
export function createPeer(line: Line, find: Find, lost: string): Peer {
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  let open = true;
  const lostError = (): HubError => new HubError('node_lost', lost);
  const answer = async ({ id, ask = '', value }: Frame, bytes: Buffer): Promise<void> => {
    let reply: [Frame, (Buffer | undefined)?];
    try {
      const handler = find(ask);
      if (!handler) throw new HubError('invalid', `The other end does not know ${JSON.stringify(ask)}.`);
      const { value: made, bytes: sent } = (await handler(value, bytes)) ?? {};
      reply = [{ value: made }, sent];
    } catch (error) {
      const { code, message, options } = hubErrorOf(error);
      reply = [{ error: `${code}: ${message}`, afterSeconds: options.afterSeconds }];
    }
    if (id !== undefined) line.send(packed({ id, ...reply[0] }, reply[1]));
  };
  const settle = ({ id = 0, value, error, afterSeconds }: Frame, bytes: Buffer): void => {
    const asker = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asker?.resolve({ value, bytes });
    else asker?.reject(rebuilt(error, afterSeconds));
  };
  const closed = new Promise<Closed>((resolve) => {
    line.listen({
      frame: (raw) => {
        const read = unpacked(raw);
        if (!read) line.close(badFrame, 'That is no frame of this protocol.');
        else if (read.frame.ask === undefined) settle(read.frame, read.bytes);
        else void answer(read.frame, read.bytes);
      },
      closed: (why) => {
        open = false;
        for (const { reject } of waiting.values()) reject(lostError());
        waiting.clear();
        resolve(why);
      },
    });
  });
  return {
    call(name, { value, bytes } = {}) {
      if (!open) return Promise.reject(lostError());
      asked += 1;
      const id = asked;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        line.send(packed({ id, ask: name, value }, bytes));
      });
    },
    tell: (name, value) => line.send(packed({ ask: name, value })),
    close: (code, reason) => line.close(code, reason),
    closed,
    get open() {
      return open;
    },
  };
}

function packed(frame: Frame, bytes: Buffer = nothing): Buffer {
  const json = Buffer.from(JSON.stringify(frame));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, bytes]);
}

function unpacked(raw: Buffer): { frame: Frame; bytes: Buffer } | null {
  try {
    const end = 4 + raw.readUInt32BE(0);
    const frame = JSON.parse(raw.toString('utf8', 4, end)) as Frame | null;
    return typeof frame === 'object' && frame !== null ? { frame, bytes: raw.subarray(end) } : null;
  } catch {
    return null;
  }
}

function rebuilt(words: string, afterSeconds: number | undefined): HubError {
  const { code, message } = hubErrorFrom(words);
  return new HubError(code satisfies ErrorCode, message, afterSeconds === undefined ? {} : { afterSeconds });
}
