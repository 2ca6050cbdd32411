/** Does a request come from Slack? By its signature over the raw bytes, and not longer ago, or in a future further away, than five minutes. */
import { createHmac, timingSafeEqual } from 'node:crypto';

import type { WebhookRequest } from '../../src/contracts.js';

const windowSeconds = 300;

/** `now` in milliseconds. Never throws, whatever the headers. */
export function isFromSlack(request: WebhookRequest, signingSecret: string, now: number): boolean {
  const at = request.headers['x-slack-request-timestamp'];
  const given = request.headers['x-slack-signature'];
  if (signingSecret === '' || typeof at !== 'string' || typeof given !== 'string' || !/^\d{1,12}$/.test(at))
    return false;
  if (Math.abs(now / 1000 - Number(at)) > windowSeconds) return false;
  const expected = createHmac('sha256', signingSecret).update(`v0:${at}:`).update(request.body).digest('hex');
  const [a, b] = [Buffer.from(given), Buffer.from(`v0=${expected}`)];
  return a.length === b.length && timingSafeEqual(a, b);
}
