/** The log: JSON lines (a readable form on a terminal), with every known secret masked by its value, wherever it turns up. */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel } from './config.js';

export type Log = Logger;

export interface LogOptions {
  level: LogLevel;
  /** Readable colours instead of JSON lines. */
  pretty: boolean;
  /** Where lines go; standard output when absent. */
  write?: (line: string) => void;
}
/** A log and the way to teach it secrets learnt later (a generated token, a child's secret). */
export interface Logs {
  log: Log;
  /** From now on `value` is written as `[secret]`. Values under 8 characters are not masked: they would blot out ordinary words. */
  hide(value: string): void;
}

/** Control and bidirectional characters that would let chat text forge or reorder log lines on a terminal. */
const unsafe = /[\u0080-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Opens the log. It never throws and never blocks on its reader. */
export function openLog(options: LogOptions): Logs {
  const secrets = new Set<string>();
  const out = options.write ?? ((line: string) => void process.stdout.write(line));
  const readable = options.pretty
    ? pretty({ colorize: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss', sync: true })
    : null;
  const write = (line: string): void => {
    let safe = line.replace(unsafe, '');
    for (const secret of secrets) safe = safe.replaceAll(secret, '[secret]');
    if (readable) readable.write(safe);
    else out(safe);
  };
  const log = pino({ level: options.level, base: null }, { write });
  return {
    log,
    hide(value) {
      if (value.length >= 8) secrets.add(JSON.stringify(value).slice(1, -1));
    },
  };
}
