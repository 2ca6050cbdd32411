/**
 * One forking Rasa parent (switchboard_rasa/host.py) and the children that it forks. They are `Child`ren like any other; when the parent
 * dies they die with it, and say so by `exited`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Child, type ChildExit, createLineRing, startChild, type TalkingChild } from '../../child.js';
import type { Json } from '../../contracts.js';
import { within } from '../../deadline.js';
import { HubError } from '../../errors.js';
import { rasaEnvironment } from './environment.js';
import type { RasaPlace, RasaTask } from './task.js';
import type { ChildUids } from './users.js';

/** `light`: without TensorFlow, a third of the memory, there in two seconds. `full`: with everything. */
export type HostKind = 'light' | 'full';

/** Why a host is of no use. `lasting`: asking again would end the same way. */
export class HostUnavailable extends Error {
  override readonly name = 'HostUnavailable';
  constructor(
    message: string,
    readonly lasting: boolean,
  ) {
    super(message);
  }
}

/** What a host says of itself. */
export interface HostFacts {
  /** Its encoder's `name@version`; null where it has none. */
  encoder: string | null;
  /** Why its children run as the hub's user; null: each has one of its own. */
  shared: string | null;
}
export interface HostOptions {
  kind: HostKind;
  home: string;
  /** Where its children's user ids come from; null: they run as the hub's user. */
  uids?: ChildUids | null;
}
export interface RasaHost {
  readonly kind: HostKind;
  readonly pid: number | null;
  /** Children that live now. */
  readonly size: number;
  /** Resolves when it can fork; rejects with `HostUnavailable`. */
  readonly ready: Promise<HostFacts>;
  readonly exited: Promise<ChildExit>;
  /** Forks a process for `task`. Rejects with `HostUnavailable` when the host is of no use, with `wake_failed` when the system gives no process. */
  fork(task: RasaTask): Promise<Child>;
  /** A vector per text (at most 64), from the encoder that its bots use. Rejects with `HostUnavailable`. */
  encode(texts: string[]): Promise<{ encoder: string; vectors: Float32Array[] }>;
  /** Ends it and its children. Never rejects. */
  stop(): Promise<void>;
}

const startMs = 120_000;
/** A parent that needs so long for a fork stands still; its bots are better off with another. */
const answerMs = 10_000;
/** Above the grace of a stop: by then the child must have gone. */
const overdueMs = 3000;
const maxLine = 8_000_000;

const event = z.union([
  z.object({ ready: z.object({ encoder: z.string().nullable(), shared: z.string().nullable() }) }),
  z.object({ unsupported: z.string() }),
  z.object({ pid: z.number(), exit: z.object({ code: z.number().nullable(), signal: z.string().nullable() }) }),
  z.object({ pid: z.number(), out: z.string().optional(), err: z.string().optional() }),
  z.object({ id: z.number(), error: z.object({ code: z.string(), message: z.string() }) }),
  z.looseObject({ id: z.number() }),
]);
type Answer = Json & { id: number };
/** What a child said, or how it ended. */
interface News {
  pid: number;
  out?: string;
  err?: string;
  exit?: { code: number | null; signal: string | null };
}
interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: HostUnavailable | HubError) => void;
  /** Runs with the answer, before anything that comes after it is read. */
  heard?: ((answer: Answer) => void) | undefined;
}

/** Starts a host. Never throws; `ready` says what became of it. */
export function startHost(place: RasaPlace, options: HostOptions): RasaHost {
  return new ForkingHost(place, options);
}

class ForkingHost implements RasaHost {
  readonly kind: HostKind;
  readonly ready: Promise<HostFacts>;
  readonly exited: Promise<ChildExit>;
  private readonly child: TalkingChild;
  private readonly forked = new Map<number, ForkedChild>();
  private readonly waiting = new Map<number, Waiting>();
  private requests = 0;
  private over: HostUnavailable | null = null;
  private isReady: (facts: HostFacts) => void = () => undefined;
  private isUseless: (error: HostUnavailable) => void = () => undefined;

  constructor(
    private readonly place: RasaPlace,
    options: HostOptions,
  ) {
    this.kind = options.kind;
    this.ready = new Promise((resolve, reject) => {
      this.isReady = resolve;
      this.isUseless = reject;
    });
    // Whoever forks hears of it; a host that nobody waits for must not end the hub.
    this.ready.catch(() => undefined);
    this.child = startChild({
      command: place.python,
      args: ['-m', 'switchboard_rasa.host', options.kind, String(process.pid), ...wordsOf(options.uids ?? null)],
      cwd: options.home,
      env: rasaEnvironment({ ...place, home: options.home }),
      talks: true,
      maxLine,
      onStdoutLine: (line) => this.hear(line),
    });
    const slow = setTimeout(() => void this.child.stop(0), startMs);
    void this.ready.catch(() => undefined).finally(() => clearTimeout(slow));
    this.exited = this.child.exited.then((exit) => this.gone(exit));
  }

  get pid(): number | null {
    return this.child.pid;
  }
  get size(): number {
    return this.forked.size;
  }

  async fork(task: RasaTask): Promise<Child> {
    await this.ready;
    const { command, home, spec, threads } = task;
    const env = rasaEnvironment({ ...this.place, home, ...(threads ? { threads } : {}) });
    let child: ForkedChild | undefined;
    const heard = ({ started }: Answer): void => {
      if (typeof started !== 'number') return;
      child = new ForkedChild(started, task, (graceMs) => this.endChild(started, graceMs));
      this.forked.set(started, child);
    };
    const { appId, language } = spec;
    // Not over its own line: what it reads, all that it forks afterwards find in their memory.
    await writeFile(join(home, 'spec.json'), JSON.stringify(spec), { mode: 0o600 });
    await this.ask({ do: command, home, env, appId, language }, heard);
    if (!child) throw new HostUnavailable('It did not say which process it forked.', false);
    return child;
  }

  async encode(texts: string[]): Promise<{ encoder: string; vectors: Float32Array[] }> {
    await this.ready;
    const { encoder, vectors } = await this.ask({ do: 'encode', texts });
    // A copy: the bytes of a Buffer need not begin where a float may.
    const floats = new Float32Array(new Uint8Array(Buffer.from(String(vectors), 'base64')).buffer);
    const width = texts.length > 0 ? floats.length / texts.length : 0;
    return {
      encoder: String(encoder),
      vectors: texts.map((_, row) => floats.subarray(row * width, (row + 1) * width)),
    };
  }

  async stop(): Promise<void> {
    // It ends its children in two seconds, and itself after them.
    await this.child.stop(5000);
    await this.exited;
  }

  private async ask(request: Json, heard?: Waiting['heard']): Promise<Answer> {
    if (this.over) throw this.over;
    const id = (this.requests += 1);
    const answered = new Promise<Answer>((resolve, reject) => this.waiting.set(id, { resolve, reject, heard }));
    this.child.say(JSON.stringify({ ...request, id }));
    const answer = await within(answered, answerMs);
    this.waiting.delete(id);
    if (answer) return answer;
    void this.child.stop(0);
    throw new HostUnavailable(`It did not answer for ${answerMs / 1000} s and was ended.`, false);
  }

  private async endChild(pid: number, graceMs: number): Promise<void> {
    const child = this.forked.get(pid);
    await this.ask({ do: 'stop', pid, graceMs }).catch(() => undefined);
    if (child && (await within(child.exited, graceMs + overdueMs)) === null) await this.child.stop(0);
  }

  private hear(line: string): void {
    const parsed = event.safeParse(jsonOf(line));
    if (!parsed.success) return;
    const said = parsed.data;
    if ('ready' in said) this.isReady(said.ready as HostFacts);
    else if ('unsupported' in said) this.isUseless(new HostUnavailable(String(said.unsupported), true));
    else if ('pid' in said) this.hearOf(said as News);
    else this.settle(said);
  }

  private hearOf(said: News): void {
    const child = this.forked.get(said.pid);
    if (said.out !== undefined) child?.stdout.push(Buffer.from(said.out));
    if (said.err !== undefined) child?.stderr.push(Buffer.from(said.err));
    if (!said.exit) return;
    this.forked.delete(said.pid);
    child?.end({ code: said.exit.code, signal: said.exit.signal, reason: null });
  }

  private settle(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    const error = answer['error'] as { code: string; message: string } | undefined;
    if (error?.code === 'threads') waiting?.reject(new HostUnavailable(error.message, true));
    else if (error) waiting?.reject(new HubError('wake_failed', `The bot could not be started: ${error.message}`));
    if (error) return;
    waiting?.heard?.(answer);
    waiting?.resolve(answer);
  }

  /** Its children have the kernel's word that they die with it; what those started themselves is ended here. */
  private gone(exit: ChildExit): ChildExit {
    const said = exit.reason ?? this.child.lines().at(-1) ?? '';
    const how = exit.signal ?? `code ${String(exit.code)}`;
    const why = new HostUnavailable(`It ended (${how}). ${said}`.trim(), false);
    this.over = why;
    this.isUseless(why);
    for (const { reject } of this.waiting.values()) reject(why);
    this.waiting.clear();
    for (const [pid, child] of this.forked) {
      killGroup(pid);
      child.end({ code: null, signal: 'SIGKILL', reason: null });
    }
    this.forked.clear();
    return { ...exit, reason: said || null };
  }
}

/** A forked process. Its parent tells what it says and when it ends. */
class ForkedChild implements Child {
  readonly exited: Promise<ChildExit>;
  readonly stdout;
  readonly stderr;
  private readonly ring;
  private stopping: Promise<ChildExit> | null = null;
  private finish: (exit: ChildExit) => void = () => undefined;
  private ended = false;

  constructor(
    readonly pid: number,
    task: RasaTask,
    private readonly endIt: (graceMs: number) => Promise<void>,
  ) {
    this.exited = new Promise((resolve) => (this.finish = resolve));
    this.ring = createLineRing(task.maxLine);
    this.stdout = this.ring.splitter(task.onStdoutLine);
    this.stderr = this.ring.splitter(task.onStderrLine);
  }

  stop(graceMs = 2000): Promise<ChildExit> {
    if (!this.ended && (this.stopping === null || graceMs === 0)) void this.endIt(graceMs);
    this.stopping ??= this.exited;
    return this.stopping;
  }

  lines(): string[] {
    return this.ring.lines();
  }

  end(exit: ChildExit): void {
    this.ended = true;
    this.stdout.end();
    this.stderr.end();
    this.finish(exit);
  }
}

const wordsOf = (uids: ChildUids | null): string[] => (uids ? [String(uids.first), String(uids.last)] : []);

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group: that is what was wanted.
  }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
