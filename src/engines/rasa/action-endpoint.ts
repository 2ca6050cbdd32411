/** An action server elsewhere: what a project's endpoints.yml says of it, and calls to it, which never reach where only the hub can. */
import { Agent, request } from 'undici';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ProjectFile } from '../../contracts.js';
import type { Egress } from '../../egress.js';

export type EgressGuard = Pick<Egress, 'refusal' | 'lookup'>;
/** As Rasa reads it (`action_endpoint` of endpoints.yml). */
export interface ActionEndpoint {
  url: string;
  headers: Record<string, string>;
}
/** One call, as Rasa made it. */
export interface ActionCall {
  body: Buffer;
  contentEncoding: string | undefined;
  /** The `traceparent` of the turn that it belongs to. */
  trace?: string | undefined;
}
/** Answers what the server answered. Rejects with an Error that never names the URL's query (it may hold a token). */
export type CallActions = (call: ActionCall) => Promise<{ status: number; text: string }>;

const timeoutMs = 60_000;
const maxBytes = 5_000_000;

const Endpoint = z.object({
  url: z.string(),
  headers: z.record(z.string(), z.coerce.string()).default({}),
  params: z.record(z.string(), z.coerce.string()).default({}),
  token: z.string().optional(),
  token_name: z.string().default('token'),
  basic_auth: z.object({ username: z.string(), password: z.string() }).optional(),
});
const Endpoints = z.object({ action_endpoint: Endpoint.nullish() }).nullable();

/** The server that the project's endpoints.yml names; null where it names none, and in words what is wrong with it where it can't be used. */
export function actionEndpointOf(
  files: readonly ProjectFile[],
  egress: EgressGuard,
): ActionEndpoint | { fault: string } | null {
  const file = files.find(({ path }) => path === 'endpoints.yml' || path === 'endpoints.yaml');
  if (!file) return null;
  const read = Endpoints.safeParse(yamlOf(file.content));
  if (!read.success) {
    const issue = read.error.issues[0];
    return { fault: `${file.path}: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'it cannot be read'}.` };
  }
  const given = read.data?.action_endpoint;
  if (!given) return null;
  const reason = egress.refusal(given.url);
  if (reason) return { fault: `${file.path}: action_endpoint.url: ${reason}` };
  const { basic_auth: basic, headers } = given;
  const signed = basic ? Buffer.from(`${basic.username}:${basic.password}`).toString('base64') : null;
  return { url: urlOf(given), headers: { ...headers, ...(signed ? { authorization: `Basic ${signed}` } : {}) } };
}

function urlOf({ url, params, token, token_name: name }: z.infer<typeof Endpoint>): string {
  const full = new URL(url);
  for (const [key, value] of Object.entries(params)) full.searchParams.set(key, value);
  if (token) full.searchParams.set(name, token);
  return full.href;
}

/** The value of a YAML text; undefined, which fits nothing, when it is none. */
function yamlOf(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Calls `endpoint`. A redirect is not followed: its target was not looked at. */
export function callElsewhere({ url, headers }: ActionEndpoint, egress: EgressGuard): CallActions {
  const dispatcher = new Agent({
    connect: { lookup: egress.lookup },
    maxResponseSize: maxBytes,
    keepAliveTimeout: 4000,
  });
  return async ({ body, contentEncoding, trace }) => {
    const sent = {
      ...(trace ? { traceparent: trace } : {}),
      ...headers,
      'content-type': 'application/json',
      ...(contentEncoding ? { 'content-encoding': contentEncoding } : {}),
    };
    const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
    const response = await request(url, { method: 'POST', headers: sent, body, dispatcher, ...limits });
    return { status: response.statusCode, text: await response.body.text() };
  };
}
