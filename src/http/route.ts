/** A route is a row: who may call it, what it takes, what it answers, and the few lines that do it. The router, the checks and the OpenAPI document all come from the row. */
import type { z } from 'zod';
import type { Right } from '../contracts.js';
import type { Caller } from './admission.js';

/** A checked request. */
export interface Asked<B, Q> {
  params: Record<string, string>;
  query: Q;
  body: B;
  headers: Record<string, string | string[] | undefined>;
  /** Path and query as they came, percent-encoded. */
  url: string;
  /** Who asks; on a `public` route nobody looked. */
  caller: Caller;
  /** A signal that aborts when the caller hangs up before the answer has left. */
  gone(): AbortSignal;
}
export interface Reply {
  /** 200 when absent. */
  status?: number;
  headers?: Record<string, string>;
  /** JSON, unless `text` or `stream` is set. */
  body?: unknown;
  text?: string;
  /** Whom it signed in: for the audit log. */
  by?: { id: string; name: string };
  /** Server-sent events, or a file. */
  stream?: AsyncIterable<string | Buffer>;
}
export interface Answer {
  description: string;
  schema?: z.ZodType;
  /** `application/json` when absent; several where the request chooses. */
  type?: string | string[];
}
/** The bot that a thing belongs to. What is not there and what is somebody else's are answered alike. */
export interface Whose {
  /** Its APP_ID; null: there is no such thing, or it is the hub's. */
  bot(asked: { params: Record<string, string>; query: Record<string, unknown> }): Promise<string | null>;
  /** The words for what is not there. */
  missing(params: Record<string, string>): string;
}
export interface Route<B = unknown, Q = unknown> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in OpenAPI: `/bots/{appId}/faq`. What `{path}` and `{conversationId}` stand for may have slashes of its own. */
  path: string;
  summary: string;
  /** What the caller needs, by the policy (src/access/policy.ts), on the bot {appId} of the path where it has one; `public`: anyone who reaches the hub. */
  access: Right | 'public';
  /** `rasa`: the key is shown and refused as Rasa does it, in rasa/. */
  asks?: 'rasa';
  /** Whether the audit log has it; absent: what a known caller may change and is no GET. */
  audited?: boolean;
  /** Whose thing it is, where the path has no {appId}. */
  of?: Whose;
  query?: z.ZodType<Q>;
  /** Absent: a body is not read. `types`: JSON alone when absent; other types arrive as text. `raw`: any type arrives as a Buffer; `stream`: as it comes, of any length. */
  body?: {
    schema: z.ZodType<B>;
    limit?: number;
    optional?: boolean;
    types?: string[];
    raw?: boolean;
    stream?: boolean;
  };
  answers: Record<number, Answer>;
  /** What every other status comes with; problem+json when absent. */
  otherwise?: Answer;
  handle(asked: Asked<B, Q>): Promise<Reply>;
}

/** Ties the handler's types to the row's schemas, then forgets them, so that rows of different shapes fit one list. */
export function route<B = undefined, Q = undefined>(row: Route<B, Q>): Route {
  return row;
}

/** The header by which a caller says which trace it is in, as it came. */
export function traceparentIn({ headers }: Pick<Asked<unknown, unknown>, 'headers'>): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' ? traceparent : undefined;
}

/** A path parameter that the path is known to have. */
export function param(asked: { params: Record<string, string> }, name: string): string {
  const value = asked.params[name];
  if (value === undefined) throw new Error(`the route has no parameter ${name}`);
  return value;
}
