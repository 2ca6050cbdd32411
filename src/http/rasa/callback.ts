/** `?callback_url=`: the caller is answered at once, and the result is posted to the address when it is there. */
import { Agent, request } from 'undici';
import type { Egress } from '../../egress.js';
import type { Log } from '../../log.js';
import type { Reply } from '../route.js';
import { badRequest, failureBody } from './failure.js';

export interface CallbackOptions {
  egress: Egress;
  version: string;
  log: Log;
}
/** What is posted. As from Rasa, the header `filename` of a model does not come along. */
export interface Result {
  type: string;
  body: Buffer;
}
const postMs = 60_000;

/** Answers 204 and lets `work` go on. Throws Rasa's 400 for an address that the hub does not call. */
export function answerLater(options: CallbackOptions, url: string, work: () => Promise<Result>): Reply {
  const refusal = options.egress.refusal(url);
  if (refusal !== null) throw badRequest(refusal, 'callback_url');
  void work()
    .catch((error: unknown): Result => {
      const { text } = failureBody(error, options.version);
      return { type: 'application/json', body: Buffer.from(text) };
    })
    .then((result) => post(options.egress, url, result))
    .catch((error: unknown) => {
      options.log.warn({ err: error, host: new URL(url).host }, 'a result could not be posted to its callback_url');
    });
  return { status: 204 };
}

async function post(egress: Egress, url: string, { type, body }: Result): Promise<void> {
  const dispatcher = new Agent({ connect: { lookup: egress.lookup, timeout: 10_000 } });
  try {
    const headers = { 'content-type': type };
    const limits = { headersTimeout: postMs, bodyTimeout: postMs };
    const response = await request(url, { method: 'POST', headers, body, dispatcher, ...limits });
    await response.body.dump({ limit: 65_536 });
    if (response.statusCode >= 300) throw new Error(`the address answered with status ${response.statusCode}`);
  } finally {
    await dispatcher.destroy();
  }
}
