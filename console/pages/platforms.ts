/** What each platform asks of a bot's author, in the order of docs/channels. */
import type en from '../locales/en.json';

type Names<Prefix extends string> = {
  [Key in keyof typeof en]: Key extends `${Prefix}.${infer Name}` ? Name : never;
}[keyof typeof en];
type Steps = { [Key in keyof typeof en]: Key extends `steps.${string}` ? Key : never }[keyof typeof en];
interface Common {
  /** `choice`: yes, no, or as the hub sees fit. */
  kind: 'text' | 'secret' | 'list' | 'switch' | 'choice';
  /** What it looks like. */
  hint?: string;
  /** Few need it. */
  more?: true;
}
export type Field = Common & ({ name: Names<'help'>; help: true } | { name: Names<'field'>; help?: undefined });
export interface Platform {
  steps: Steps[];
  /** The platform is told an address of the hub. */
  webhook: boolean;
  fields: Field[];
}
export type Values = Record<string, string | boolean>;

export const platforms: Record<string, Platform | undefined> = {
  slack: {
    steps: ['steps.slack1', 'steps.slack2', 'steps.slack3', 'steps.slack4', 'steps.slack5'],
    webhook: true,
    fields: [
      { name: 'botToken', kind: 'secret', help: true, hint: 'xoxb-…' },
      { name: 'signingSecret', kind: 'secret', help: true },
      { name: 'appToken', kind: 'secret', help: true, hint: 'xapp-…', more: true },
      { name: 'apiUrl', kind: 'text', help: true, more: true },
    ],
  },
  telegram: {
    steps: ['steps.telegram1', 'steps.telegram2'],
    webhook: false,
    fields: [
      { name: 'token', kind: 'secret', help: true, hint: '123456:ABC-…' },
      { name: 'secretToken', kind: 'secret', help: true, more: true },
      { name: 'apiRoot', kind: 'text', help: true, more: true },
    ],
  },
  teams: {
    steps: ['steps.teams1', 'steps.teams2', 'steps.teams3', 'steps.teams4'],
    webhook: true,
    fields: [
      { name: 'microsoftAppId', kind: 'text' },
      { name: 'microsoftAppPassword', kind: 'secret', help: true },
      { name: 'microsoftAppTenantId', kind: 'text', help: true },
      { name: 'openIdMetadataUrl', kind: 'text', more: true },
      { name: 'tokenEndpoint', kind: 'text', more: true },
      { name: 'allowedServiceUrls', kind: 'list', help: true, more: true },
    ],
  },
  web: {
    steps: [],
    webhook: false,
    fields: [
      { name: 'enabled', kind: 'switch' },
      { name: 'allowedOrigins', kind: 'list', help: true, hint: 'https://shop.example' },
      { name: 'sessionPersistence', kind: 'switch', help: true },
      { name: 'userMessageEvent', kind: 'text', more: true },
      { name: 'botMessageEvent', kind: 'text', more: true },
    ],
  },
  rest: {
    steps: [],
    webhook: true,
    fields: [
      { name: 'enabled', kind: 'switch' },
      { name: 'requireKey', kind: 'choice', help: true },
      { name: 'callbackUrl', kind: 'text', help: true },
      { name: 'jwtKey', kind: 'secret', help: true, more: true },
      { name: 'jwtMethod', kind: 'text', hint: 'HS256', more: true },
    ],
  },
};

/** Switched on unless the author said otherwise. */
const onAtFirst = ['enabled', 'sessionPersistence'];

/** The settings in the form's fields; secrets stay empty. */
export function valuesOf({ fields }: Platform, settings: Record<string, unknown>): Values {
  const valueOf = ({ name, kind }: Field): string | boolean => {
    const value = settings[name];
    if (kind === 'switch') return typeof value === 'boolean' ? value : onAtFirst.includes(name);
    if (kind === 'choice') return typeof value === 'boolean' ? String(value) : '';
    if (Array.isArray(value)) return value.join('\n');
    return typeof value === 'string' ? value : '';
  };
  return Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
}

/** What a field says; undefined: nothing. */
function settingOf({ kind }: Field, value: string | boolean | undefined): unknown {
  if (value === undefined || value === '') return undefined;
  if (kind === 'choice') return value === 'true';
  if (kind !== 'list' || typeof value !== 'string') return value;
  const lines = value.split('\n').filter((line) => line.trim() !== '');
  return lines.length === 0 ? undefined : lines;
}

/** What the fields say. What is empty is left out: of a secret that means that it stays. */
export function settingsOf({ fields }: Platform, values: Values): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const field of fields) {
    const value = settingOf(field, values[field.name]);
    if (value === undefined) continue;
    settings[field.name] = value;
  }
  return settings;
}
