/** Makes the bots that a file lists, by the hub's API; those whose names are there are left as they are. Arguments: the file. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { HUB_URL, ADMIN_TOKEN } = process.env;
const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };

/** Answers the response, also one that refuses; waits for a hub that is only starting. */
async function ask(method, path, body) {
  for (let tries = 0; ; tries += 1) {
    const response = await fetch(`${HUB_URL}/api/v1${path}`, { method, headers, body }).catch(() => null);
    if (response && response.status !== 503) return response;
    if (tries === 60) throw new Error(`${HUB_URL} does not answer.`);
    await sleep(2000);
  }
}

/** Answers the parsed answer. Rejects with the hub's own words. */
async function done(response) {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text);
}

const names = new Set();
for (let cursor = ''; cursor !== null;) {
  const { items, next } = await done(await ask('GET', `/bots?limit=100${cursor}`));
  for (const { name } of items) names.add(name);
  cursor = next && `&cursor=${encodeURIComponent(next)}`;
}
for (const bot of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  if (names.has(bot.name)) console.log(`${bot.name} is there already.`);
  else console.log(`${bot.name} was made: ${(await done(await ask('POST', '/bots', JSON.stringify(bot)))).appId}`);
}
