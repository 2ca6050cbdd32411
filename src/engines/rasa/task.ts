/** What a Rasa process is started for, and the plain way to start one: a Python of its own that imports everything itself. */
import { type Child, startChild } from '../../child.js';
import type { Json } from '../../contracts.js';
import { rasaEnvironment } from './environment.js';
import type { ChildUids } from './users.js';

/** One process to be: what it does, where, and who hears it. */
export interface RasaTask {
  /** A command of switchboard_rasa/commands.py. */
  command: 'run' | 'train' | 'validate' | 'actions' | 'test';
  /** The named Rasa installation; null: the default one. */
  runtime: string | null;
  /** It is expected to do without TensorFlow. Wrong is slower, never wrong. */
  light: boolean;
  /** Its private working folder, which exists. */
  home: string;
  /** What the command needs, `appId` among it. Goes over a pipe: arguments and environments can be read by others on the machine. */
  spec: Json & { appId: string };
  threads?: number;
  onStdoutLine?: (line: string) => void;
  onStderrLine?: (line: string) => void;
  maxLine?: number;
}
/** Starts a task's process. Resolves as soon as there is one; rejects with a HubError when there can be none. */
export type StartRasa = (task: RasaTask) => Promise<Child>;

/** A Python with Rasa and what its processes are given. */
export interface RasaPlace {
  python: string;
  packageDir: string;
  env: Readonly<Record<string, string>>;
  /** Where their user ids come from; absent: they run as the hub's user. */
  uids?: ChildUids | null;
}

/** A process of its own for `task`. Never throws: what cannot be started is an `exited` with a `reason`. */
export function startPlainly({ python, packageDir, env, uids = null }: RasaPlace, task: RasaTask): Child {
  const { command, home, spec, threads, maxLine, onStdoutLine, onStderrLine } = task;
  return startChild({
    command: python,
    args: ['-m', 'switchboard_rasa.child', command],
    cwd: home,
    env: rasaEnvironment({ env, packageDir, home, ...(threads ? { threads } : {}) }),
    stdinLine: JSON.stringify({ ...spec, uids, parentPid: process.pid }),
    ...(maxLine ? { maxLine } : {}),
    ...(onStdoutLine ? { onStdoutLine } : {}),
    ...(onStderrLine ? { onStderrLine } : {}),
  });
}
