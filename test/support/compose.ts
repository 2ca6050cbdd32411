/** Reads a compose file as `docker compose` would: merge keys, and variables with their defaults and demands. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface Service {
  init?: boolean;
  image: string;
  build?: { context: string; dockerfile: string; target: string };
  command?: string[];
  environment?: Record<string, string>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
  cap_drop?: string[];
  security_opt?: string[];
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
}
export interface Compose {
  services: Record<string, Service>;
}

/** Throws what `docker compose` would say when a variable is missing that the file demands. */
export function composeOf(path: string, env: Record<string, string>): Compose {
  const filled = (text: string): string =>
    text.replace(/\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name?: string, kind?: string, words = '') => {
      if (name === undefined) return '$';
      const value = env[name] ?? '';
      if (value === '' && kind === '?')
        throw new Error(`required variable ${name} is missing a value: ${String(words)}`);
      return value === '' && kind === '-' ? String(words) : value;
    });
  return strings(parse(readFileSync(path, 'utf8'), { merge: true }), filled) as Compose;
}

/** Every string in `value`, changed by `change`. */
function strings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((one) => strings(one, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, strings(one, change)]));
}

/** The variables that the file demands. */
export function demandedBy(path: string): string[] {
  return [...new Set([...readFileSync(path, 'utf8').matchAll(/\$\{(\w+):\?/g)].map((match) => match[1] ?? ''))];
}
