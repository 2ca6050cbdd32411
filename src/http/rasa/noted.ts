/** What is changed by Rasa's own API, in the audit log: who, from where, and the model in use before and after. What was said is not in it. */
import type { AuditEntry, Bot, Store } from '../../contracts.js';
import type { Note } from '../audit.js';
import type { Reply, Route } from '../route.js';
import type { RasaAsked } from './request.js';

export interface NotedOptions {
  store: Pick<Store, 'bots'>;
  /** Keeps an entry of the audit log. */
  note: Note;
}
export interface Change extends Pick<Route, 'method' | 'path'> {
  asked: RasaAsked;
  bot: Bot;
  by: AuditEntry['by'];
}

/** Does the work and notes it, however it ends. */
export async function noted(
  { store, note }: NotedOptions,
  { method, path, asked, bot, by }: Change,
  work: () => Promise<Reply>,
): Promise<Reply> {
  const { appId, activeModel: old } = bot;
  let status = 500;
  try {
    const reply = await work();
    status = reply.status ?? 200;
    return reply;
  } catch (error) {
    status = (error as { status?: number }).status ?? status;
    throw error;
  } finally {
    const now = await store.bots.get(appId).catch(() => null);
    const changed = now !== null && now.activeModel !== old;
    const [before, after] = changed ? [{ activeModel: old }, { activeModel: now.activeModel }] : [null, null];
    await note({ method, path }, asked, { appId, status, by, before, after });
  }
}
