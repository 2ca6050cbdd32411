/** Fills a store with conversations, many and at once. */
import type { StoredMessage } from '../../src/contracts.js';
import { openStore } from '../../src/stores/index.js';
import { seedBots } from '../path/hub.js';

const start = Date.UTC(2026, 0, 1);
const secondMs = 1000;
/** When the n-th message came. */
export const whenOf = (n: number): string => new Date(start + n * secondMs).toISOString();

export interface Filling {
  appId: string;
  total: number;
  talks: number;
}

const channels = ['web', 'slack', 'telegram', 'teams'];
/** The n-th message; one in five hundred thousand is something special. */
function messageOf(n: number, { appId, talks }: Filling): StoredMessage {
  const talk = (n * 7919) % talks;
  const rare = n % 500_000 === 250_000;
  const text = rare ? 'an unheard-of question' : `question ${n} about things of kind ${n % 97}`;
  return {
    ...{
      id: String(n + 1),
      appId,
      channel: channels[talk % 4]!,
      conversation: `c${talk}`,
      number: Math.floor(n / talks) + 1,
    },
    ...{
      eventId: `e${n}`,
      text,
      payload: false,
      to: 't',
      metadata: {},
      state: n % 50 ? 'answered' : 'failed',
      error: null,
    },
    replies: [{ recipient_id: `c${talk}`, text: `an answer of the length that answers have, for kind ${n % 97}` }],
    intent: rare ? 'faq/unheard' : `faq/kind${n % 97}`,
    ...{ confidence: (n % 1000) / 1000, delivered: true, maybeTwice: false, ms: n % 300, receivedAt: whenOf(n) },
    turn: { actions: ['utter_faq', 'action_listen'], model: 'm1' },
  };
}

/** A bot with `total` messages in `talks` conversations, in a store that no hub has open. */
export async function fillLog(databaseUrl: string, dataDir: string, filling: Filling): Promise<void> {
  const { appId, total, talks } = filling;
  await seedBots(databaseUrl, { dataDir, appIds: [appId] });
  const store = await openStore(databaseUrl);
  // SQLite commits many together; a server has its own limit of what may wait.
  const most = databaseUrl.startsWith('sqlite:') ? 2000 : 20;
  for (let n = 0; n < total; n += most) {
    const batch = Array.from({ length: Math.min(most, total - n) }, (_, i) => messageOf(n + i, filling));
    await Promise.all(batch.map((message) => store.restore({ kind: 'message', message })));
  }
  for (let n = 0; n < talks; n += 100)
    await store.care.change(appId, `c${n}`, { review: 'reviewed', tags: [`t${n % 1000}`] });
  for (let n = 0; n < 50; n += 1) await store.care.change(appId, `c${n * 13}`, { state: 'waiting', since: whenOf(n) });
  await store.close();
}
