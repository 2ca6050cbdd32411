/** A route is a row: who may call it, what it takes, what it answers, and the few lines that do it. The router, the checks and the OpenAPI document all come from the row. */
import type { z } from 'zod';

/** A checked request. */
export interface Asked<B, Q> {
  params: Record<string, string>;
  query: Q;
  body: B;
  headers: Record<string, string | string[] | undefined>;
  /** Path and query as they came, percent-encoded. */
  url: string;
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
  /** Server-sent events, or a file. */
  stream?: AsyncIterable<string | Buffer>;
}
export interface Answer {
  description: string;
  schema?: z.ZodType;
  /** `application/json` when absent. */
  type?: string;
}
export interface Route<B = unknown, Q = unknown> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in OpenAPI: `/bots/{appId}/faq`. What `{path}` and `{conversationId}` stand for may have slashes of its own. */
  path: string;
  summary: string;
  /** `admin`: the admin token; `trainer`: that or the trainers' token; `rasa`: the bot's key as Rasa takes it, checked in rasa/; `public`: anyone who reaches the hub. */
  access: 'admin' | 'trainer' | 'rasa' | 'public';
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

/** A path parameter that the path is known to have. */
export function param(asked: { params: Record<string, string> }, name: string): string {
  const value = asked.params[name];
  if (value === undefined) throw new Error(`the route has no parameter ${name}`);
  return value;
}
