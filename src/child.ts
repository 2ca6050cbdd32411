/**
 * One supervised OS process. Whatever happens to it is a value: a line, an exit, a reason; it never throws at its owner and leaves
 * no process of its group behind.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import type { Exit } from './contracts.js';

/** What to start, and who listens. */
export interface ChildOptions {
  command: string;
  args: readonly string[];
  cwd: string;
  /** The whole environment of the child: nothing is inherited. The caller lists what is allowed. */
  env: Readonly<Record<string, string>>;
  /** Written to its standard input, with a line end, which is then closed. Absent: standard input is empty. */
  stdinLine?: string;
  onStdoutLine?: (line: string) => void;
  onStderrLine?: (line: string) => void;
  /** Characters of a line that are kept; the rest of the line is dropped. Default 8,192. */
  maxLine?: number;
  log?: ChildLog;
}
/** The part of a logger this file uses. */
export interface ChildLog {
  debug(fields: object, message: string): void;
}
/** How it ended. `reason` is set when and only when it could not be started. */
export interface ChildExit extends Exit {
  reason: string | null;
}
/** A started process. */
export interface Child {
  /** Null when it could not be started. It is also the id of the process group. */
  readonly pid: number | null;
  /** Resolves when it has gone, however it went, after its last lines were delivered. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** TERM to the group, `graceMs` (2,000 by default) of patience, KILL to the group. Any number of calls share one ending. Never rejects. */
  stop(graceMs?: number): Promise<ChildExit>;
  /** The newest 500 lines of both outputs, oldest first. */
  lines(): string[];
}

const RING = 500;
const MAX_LINE = 8192;
/** A grandchild may hold the pipes open after the child has gone; its last words are not waited for longer than this. */
const DRAIN_MS = 250;

/** Starts a process in a group of its own. Never throws: a binary that is not there is an `exited` with a `reason`. */
export function startChild(options: ChildOptions): Child {
  return new SupervisedChild(options);
}

class SupervisedChild implements Child {
  readonly pid: number | null;
  readonly exited: Promise<ChildExit>;
  private readonly ring: string[] = [];
  private ended = false;
  private stopping: Promise<ChildExit> | null = null;
  private finish: (exit: ChildExit) => void = () => undefined;

  constructor(private readonly options: ChildOptions) {
    this.exited = new Promise((resolve) => (this.finish = resolve));
    const started = this.spawn();
    this.pid = started?.pid ?? null;
    if (started) this.watch(started);
  }

  stop(graceMs = 2000): Promise<ChildExit> {
    this.stopping ??= this.end(graceMs);
    return this.stopping;
  }

  lines(): string[] {
    return [...this.ring];
  }

  private spawn(): ChildProcess | null {
    const { command, args, cwd, env, stdinLine } = this.options;
    try {
      const stdin = stdinLine === undefined ? 'ignore' : 'pipe';
      return spawn(command, args, { cwd, env, detached: true, stdio: [stdin, 'pipe', 'pipe'] });
    } catch (thrown) {
      this.settle({ code: null, signal: null, reason: String(thrown) });
      return null;
    }
  }

  private watch(started: ChildProcess): void {
    // Without a listener a failed start, and a pipe closed at the other end, would end the hub.
    started.on('error', (error) => {
      if (this.pid === null) this.settle({ code: null, signal: null, reason: error.message });
    });
    started.stdin?.on('error', () => undefined);
    started.stdin?.end(`${this.options.stdinLine ?? ''}\n`);
    this.readLines(started.stdout, this.options.onStdoutLine);
    this.readLines(started.stderr, this.options.onStderrLine);
    started.once('exit', (code, signal) => {
      this.signalGroup('SIGKILL');
      const exit = { code, signal, reason: null };
      const timer = setTimeout(() => this.settle(exit), DRAIN_MS);
      started.once('close', () => {
        clearTimeout(timer);
        this.settle(exit);
      });
    });
  }

  private readLines(stream: NodeJS.ReadableStream | null, listener?: (line: string) => void): void {
    const splitter = createLineSplitter(this.options.maxLine ?? MAX_LINE, (line) => {
      this.ring.push(line);
      if (this.ring.length > RING) this.ring.shift();
      listener?.(line);
    });
    stream?.on('data', (chunk: Buffer) => splitter.push(chunk));
    stream?.on('end', () => splitter.end());
    stream?.on('error', () => undefined);
  }

  private settle(exit: ChildExit): void {
    if (this.ended) return;
    this.ended = true;
    this.options.log?.debug({ pid: this.pid, ...exit }, 'child ended');
    this.finish(exit);
  }

  private async end(graceMs: number): Promise<ChildExit> {
    this.signalGroup('SIGTERM');
    const timer = setTimeout(() => this.signalGroup('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  private signalGroup(signal: NodeJS.Signals): void {
    // After `exited` nobody of the group is left, and its number may belong to somebody else.
    if (this.pid === null || this.ended) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // Nobody is left in the group: that is what was wanted.
    }
  }
}

/** Cuts a byte stream into lines. */
export interface LineSplitter {
  push(chunk: Buffer): void;
  /** Delivers a last line that has no line end. */
  end(): void;
}

/**
 * Makes a splitter that calls `onLine` for every line that is not empty. Characters cut between two chunks stay whole; of a line longer
 * than `max` the first `max` characters are delivered once; of a line that rewrites itself (a progress bar) only what a terminal would show last.
 */
export function createLineSplitter(max: number, onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  const take = (text: string): void => {
    const parts = (pending + text).split('\n');
    pending = shownOf(parts.pop() ?? '', max);
    for (const part of parts) deliver(part);
  };
  const deliver = (part: string): void => {
    const line = shownOf(part.replace(/\r$/, ''), max);
    if (line !== '') onLine(line);
  };
  return {
    push: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end());
      deliver(pending);
      pending = '';
    },
  };
}

/** What a terminal would show last of `text`, at most `max` characters. A `\r` at the end may belong to a line end, so it stays. */
function shownOf(text: string, max: number): string {
  const rewritten = text.lastIndexOf('\r', text.length - 2);
  return (rewritten >= 0 ? text.slice(rewritten + 1) : text).slice(0, max);
}
