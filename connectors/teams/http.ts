/** What Microsoft's answers mean, and what to do about them. */
import type { SendResult } from '../../src/contracts.js';
import { outcomeOf, type Refused } from '../message/call.js';

const passing = [408, 412, 429, 502, 503, 504];

/** What became of a post. Never throws. */
export const resultOf = (thrown: unknown): SendResult =>
  outcomeOf(thrown, { who: 'Teams', passes: (status) => passing.includes(status), remedy: remedyOf });

/** What to do about a refusal, in a sentence. */
export function remedyOf({ status, body }: Refused): string {
  if (/AADSTS7000215|AADSTS7000222|invalid_client/.test(body)) {
    return 'Microsoft does not accept the password: make a new client secret and copy its value, not its id.';
  }
  if (/AADSTS700016|unauthorized_client/.test(body)) {
    return 'Microsoft does not know this app id in that tenant: for a single-tenant bot set microsoftAppTenantId.';
  }
  if (status === 401) return 'Teams does not accept the bot: check that the app id belongs to this Azure bot.';
  if (status === 403) return 'The person has blocked the bot, or it was removed from the conversation.';
  if (status === 404) return 'That conversation is gone, or the bot was removed from it.';
  return `Teams refused it with status ${status}.`;
}
