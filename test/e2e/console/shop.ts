/** A bot that tests of the console start with. */
import type { TestHub } from '../../support/hub.js';

export const shop = [
  { Q: [{ q: 'When are you open?' }, { q: 'opening hours' }], A: 'From 9 to 5.' },
  { Q: [{ q: 'Do you ship abroad?' }, { q: 'delivery to other countries' }], A: 'Yes, to all of Europe.' },
];

/** A bot that has been trained with the shop's questions; answers its APP_ID. */
export async function trained(hub: TestHub, name: string): Promise<string> {
  const appId = (await hub.api('POST', '/bots', { name })).body.appId as string;
  await hub.api('POST', `/bots/${appId}/train?wait=true`, shop);
  return appId;
}
