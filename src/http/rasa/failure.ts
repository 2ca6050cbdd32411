/** Errors as Rasa's HTTP server words them: who speaks Rasa's API reads no problem+json. */
import { z } from 'zod';
import { HubError, hubErrorOf } from '../../errors.js';
import type { Reply } from '../route.js';

export const RasaErrorView = z
  .object({
    version: z.string(),
    status: z.literal('failure'),
    message: z.string(),
    reason: z.string(),
    details: z.unknown(),
    help: z.string().nullable(),
    code: z.number(),
  })
  .meta({ id: 'RasaError', description: "An error in the form of Rasa's HTTP API." });

export interface FailureFacts {
  reason: string;
  message: string;
  details?: Record<string, string>;
  help?: string;
}
const docs = 'https://rasa.com/docs/rasa';

/** What Rasa's server throws; `rasaFailure` makes it a response. */
export class RasaError extends Error {
  override readonly name = 'RasaError';
  constructor(
    readonly status: number,
    readonly facts: FailureFacts,
  ) {
    super(facts.message);
  }
}

export const notAuthenticated = (): RasaError =>
  new RasaError(401, {
    reason: 'NotAuthenticated',
    message: 'User is not authenticated.',
    help: `${docs}/user-guide/configuring-http-api/#security-considerations`,
  });
export const notAuthorized = (): RasaError =>
  new RasaError(403, {
    reason: 'NotAuthorized',
    message: 'User has insufficient permissions.',
    help: `${docs}/user-guide/configuring-http-api/#security-considerations`,
  });
const noAgent = (): RasaError =>
  new RasaError(409, {
    reason: 'Conflict',
    message: 'No agent loaded. To continue processing, a model of a trained agent needs to be loaded.',
    help: `${docs}/user-guide/configuring-http-api/`,
  });
export const badRequest = (message: string, parameter?: string, place: 'query' | 'body' = 'query'): RasaError =>
  new RasaError(400, {
    reason: 'BadRequest',
    message,
    ...(parameter === undefined ? {} : { details: { parameter, in: place } }),
  });
/** What only Rasa can do, asked of a bot that another engine answers for. */
export const notRasa = (engine: string): RasaError =>
  new RasaError(501, {
    reason: 'NotImplemented',
    message: `This bot is answered by the engine "${engine}", which has no Rasa HTTP API. Its webhooks/rest/webhook works.`,
  });

/** Codes of the hub that Rasa has words for; the others keep their status under their title. */
function rasaErrorOf(thrown: unknown): RasaError {
  if (thrown instanceof RasaError) return thrown;
  const error: HubError = hubErrorOf(thrown);
  if (error.code === 'no_model') return noAgent();
  if (error.code === 'not_found') return new RasaError(404, { reason: 'NotFound', message: error.message });
  return new RasaError(error.status, { reason: error.code, message: error.message });
}

/** The error as JSON, as Rasa's handler writes it. */
export function failureBody(thrown: unknown, version: string): { status: number; text: string } {
  const { status, facts } = rasaErrorOf(thrown);
  const { message, reason, details = {}, help = null } = facts;
  return { status, text: JSON.stringify({ version, status: 'failure', message, reason, details, help, code: status }) };
}

export function failureReply(thrown: unknown, version: string): Reply {
  const { status, text } = failureBody(thrown, version);
  const wait = thrown instanceof HubError && thrown.retry ? { 'retry-after': '1' } : {};
  return { status, headers: { 'content-type': 'application/json', ...wait }, text };
}
