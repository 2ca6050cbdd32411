/** What a command says: words for people, one JSON value for machines, a bar on a terminal; and how it ends. */

/** As sysexits has them; CI looks at nothing else. */
export const exitCodes = {
  /** It was done. */
  ok: 0,
  /** The hub or the training said no. */
  failed: 1,
  /** The command line does not fit. */
  usage: 64,
  /** No hub answers. */
  unreachable: 69,
  /** The key does not fit. */
  denied: 77,
  /** A file of settings or the environment does not fit. */
  config: 78,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What ends a command, in words for the person who gave it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    message: string,
    readonly code: ExitCode,
  ) {
    super(message);
  }
}

/** Where a command writes to. `err` is a terminal when `tty`. */
export interface Streams {
  out: (text: string) => void;
  err: (text: string) => void;
  tty: boolean;
}
export interface Output {
  readonly json: boolean;
  /** For people; machines are spared it. */
  say(text: string): void;
  /** The result: JSON for machines, `words` for people. */
  result(value: unknown, words: string | string[]): void;
  /** How far it is: a bar on a terminal, else a line whenever the stage changes. */
  progress(percent: number, stage: string): void;
  /** The end of the bar. */
  settled(): void;
}

const width = 30;

export function createOutput({ out, err, tty }: Streams, json: boolean): Output {
  let drawn = '';
  const clear = (): void => {
    if (tty && drawn !== '') err('\r\u001b[K');
    drawn = '';
  };
  return {
    json,
    say(text) {
      clear();
      if (!json) err(`${text}\n`);
    },
    result(value, words) {
      clear();
      const lines = Array.isArray(words) ? words : [words];
      out(json ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(''));
    },
    progress(percent, stage) {
      if (!tty) {
        if (!json && stage !== drawn) err(`${String(Math.round(percent)).padStart(3)} % ${stage}\n`);
        drawn = stage;
        return;
      }
      const full = Math.round((percent / 100) * width);
      drawn = `[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${String(Math.round(percent)).padStart(3)} % ${stage}`;
      err(`\r\u001b[K${drawn.slice(0, 100)}`);
    },
    settled: clear,
  };
}
