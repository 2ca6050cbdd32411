/** A bot's model for a Rasa elsewhere: what `models: url:` of its endpoints.yml asks again and again, with the ETag of the model it has. */
import { createReadStream } from 'node:fs';
import type { Bot } from '../../contracts.js';
import type { Reply } from '../route.js';
import { notRasa } from './failure.js';
import { fileOf, type ModelOptions } from './model.js';
import type { RasaAsked } from './request.js';

/** Does the caller have it already? Comparison is weak, as for every GET. */
function has({ headers }: RasaAsked, etag: string): boolean {
  const given = String(headers['if-none-match'] ?? '')
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  return given.includes('*') || given.includes(etag);
}

/** `GET /model`: the archive of the active model; 304 for who has it, 204 while the bot has none. Throws `notRasa` for a model that has no archive. */
export async function serveModel({ store, shelf }: ModelOptions, bot: Bot, asked: RasaAsked): Promise<Reply> {
  if (bot.engine === 'remote') throw notRasa(bot.engine);
  const model = bot.activeModel === null ? null : await store.models.get(bot.appId, bot.activeModel);
  if (!model) return { status: 204 };
  if (model.archive === null) throw notRasa(model.engine);
  // A digest, so that it changes with the model alone, whichever hub serves it.
  const etag = `"${model.archive}"`;
  if (has(asked, etag)) return { status: 304, headers: { etag } };
  const file = fileOf(model);
  const headers = {
    etag,
    'content-type': 'application/gzip',
    filename: file,
    'content-disposition': `attachment; filename="${file}"`,
  };
  return { headers, stream: createReadStream(await shelf.fetch(model.archive)) as AsyncIterable<Buffer> };
}
