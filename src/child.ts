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
  /** Keeps its standard input open for `say`, and its standard output out of `lines()`: the two carry a conversation. */
  talks?: boolean;
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
/** A child that was started with `talks`. */
export interface TalkingChild extends Child {
  /** Writes a line to its standard input. To one that has gone it is dropped. */
  say(line: string): void;
}

const RING = 500;
const MAX_LINE = 8192;
/** A grandchild may hold the pipes open after the child has gone; its last words are not waited for longer than this. */
const DRAIN_MS = 250;

/** Starts a process in a group of its own. Never throws: a binary that is not there is an `exited` with a `reason`. */
export function startChild(options: ChildOptions): TalkingChild {
  return new SupervisedChild(options);
}

class SupervisedChild implements TalkingChild {
  readonly pid: number | null;
  readonly exited: Promise<ChildExit>;
  private readonly ring: LineRing;
  private stdin: NodeJS.WritableStream | null = null;
  private ended = false;
  private stopping: Promise<ChildExit> | null = null;
  private finish: (exit: ChildExit) => void = () => undefined;

  constructor(private readonly options: ChildOptions) {
    this.ring = createLineRing(options.maxLine);
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
    return this.ring.lines();
  }

  say(line: string): void {
    this.stdin?.write(`${line}\n`);
  }

  private spawn(): ChildProcess | null {
    const { command, args, cwd, env, stdinLine, talks } = this.options;
    try {
      const stdin = stdinLine === undefined && !talks ? 'ignore' : 'pipe';
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
    const { stdinLine, talks, maxLine, onStdoutLine, onStderrLine } = this.options;
    if (stdinLine !== undefined) started.stdin?.write(`${stdinLine}\n`);
    if (talks) this.stdin = started.stdin;
    else started.stdin?.end();
    const said = (line: string): void => onStdoutLine?.(line);
    read(started.stdout, talks ? createLineSplitter(maxLine ?? MAX_LINE, said) : this.ring.splitter(onStdoutLine));
    read(started.stderr, this.ring.splitter(onStderrLine));
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

  private settle(exit: ChildExit): void {
    if (this.ended) return;
    this.ended = true;
    this.stdin = null;
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

function read(stream: NodeJS.ReadableStream | null, splitter: LineSplitter): void {
  stream?.on('data', (chunk: Buffer) => splitter.push(chunk));
  stream?.on('end', () => splitter.end());
  stream?.on('error', () => undefined);
}

/** The newest lines of a process, whatever streams they came by. */
export interface LineRing {
  /** A splitter whose lines are kept, and told to `listener`. */
  splitter(listener?: (line: string) => void): LineSplitter;
  /** The newest 500 lines, oldest first. */
  lines(): string[];
}

/** Makes an empty ring; of a line `maxLine` characters are kept, 8,192 by default. */
export function createLineRing(maxLine = MAX_LINE): LineRing {
  const ring: string[] = [];
  return {
    splitter: (listener) =>
      createLineSplitter(maxLine, (line) => {
        ring.push(line);
        if (ring.length > RING) ring.shift();
        listener?.(line);
      }),
    lines: () => [...ring],
  };
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
