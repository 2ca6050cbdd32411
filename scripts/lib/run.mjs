/** Running programs from the scripts: signals reach them, their exit code comes back, and what takes long says so. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const windows = process.platform === 'win32';

/** A step that ended badly. `code` is what the script should exit with. */
export class StepFailed extends Error {
  constructor(message, code = 1) {
    super(message);
    this.name = 'StepFailed';
    this.code = code;
  }
}

/** Writes one line for a person. Never fails. */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/**
 * Runs `work` between a line that says it begins and one with the seconds it took; `ticks` says so every ten seconds, for work that is
 * silent. Answers and rejects as `work` does.
 */
export async function step(title, work, { ticks = true } = {}) {
  const start = Date.now();
  const seconds = () => `${((Date.now() - start) / 1000).toFixed(1)} s`;
  say(`${title} ...`);
  const timer = ticks ? setInterval(() => say(`${title} ... ${seconds()}`), 10_000) : undefined;
  try {
    const answer = await work();
    say(`${title}: ${seconds()}`);
    return answer;
  } finally {
    clearInterval(timer);
  }
}

/** The words that run npm, whichever way this script was started. */
export function npm(...args) {
  const script = process.env.npm_execpath ?? '';
  return /npm-cli\.c?js$/.test(script) ? [process.execPath, script, ...args] : ['npm', ...args];
}

/**
 * Runs a program to its end and answers { code, stopped }: its exit code (128 + the signal's number when a signal ended it) and the signal
 * this process was told to pass on, if any. With `group` it and everything it started in its group end together. `timeoutMs` ends it too,
 * the code is then 124. Other options are those of `spawn`. Rejects with `StepFailed` when it cannot be started.
 */
export function run(words, { group = false, timeoutMs = 0, started = () => {}, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const shell = windows && words[0] === 'npm';
    const child = spawn(words[0], words.slice(1), { stdio: 'inherit', shell, detached: group && !windows, ...options });
    const kill = (signal) => (group && !windows ? killGroup(child.pid, signal) : child.kill(signal));
    const forward = forwarding(kill);
    let late = false;
    const timer = timeoutMs > 0 ? setTimeout(() => ((late = true), kill('SIGKILL')), timeoutMs) : undefined;
    child.on('error', (error) => {
      forward.stop();
      reject(new StepFailed(`${words[0]} cannot be started: ${error.message}`, 127));
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      forward.stop();
      if (group) kill('SIGKILL');
      resolve({ code: late ? 124 : exitCodeOf(code, signal), stopped: forward.stopped() });
    });
    started(child, kill);
  });
}

/** What a shell would answer for a process that ended so. */
export function exitCodeOf(code, signal) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

/** Passes the signals that end a program on, each at most once a second: npm and a terminal both send theirs to everybody. */
function forwarding(kill) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const sent = new Map();
  let last = null;
  const listener = (signal) => {
    last = signal;
    if (Date.now() - (sent.get(signal) ?? 0) < 1000) return;
    sent.set(signal, Date.now());
    kill(signal);
  };
  for (const signal of signals) process.on(signal, listener);
  return { stopped: () => last, stop: () => signals.forEach((signal) => process.off(signal, listener)) };
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}
