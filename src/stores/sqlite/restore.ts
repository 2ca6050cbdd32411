/** What a backup puts back: rows with the ids, numbers and versions that they had. */
import type { DeadLetter, Faq, OutboxEntry, Restorable, StoredMessage } from '../../contracts.js';
import type { Sqlite } from './database.js';

const faq = `
  INSERT INTO faq (app_id, version, pairs) VALUES (@appId, @version, @pairs)
  ON CONFLICT (app_id) DO UPDATE SET version = excluded.version, pairs = excluded.pairs`;
const message = `
  INSERT INTO messages (seq, app_id, channel, event_id, conversation, number, text, payload, address, metadata, received_at, state, error,
    replies, intent, confidence, delivered, maybe_twice, ms, turn)
  VALUES (@seq, @appId, @channel, @eventId, @conversation, @number, @text, @payload, @to, @metadata, @receivedAt, @state, @error,
    @replies, @intent, @confidence, @delivered, @maybeTwice, @ms, @turn)`;
const count = `
  INSERT INTO conversations (app_id, id, channel, messages, first_at, last_at, last_seq)
  VALUES (@appId, @conversation, @channel, 1, @receivedAt, @receivedAt, @seq)
  ON CONFLICT (app_id, id) DO UPDATE SET messages = messages + 1, last_at = excluded.last_at, last_seq = excluded.last_seq`;
const entry = `
  INSERT INTO outbox (seq, message_seq, app_id, channel, conversation, address, part, reply, attempts, maybe_sent, error, hold_until,
    hold_scope)
  VALUES (@seq, @message, @appId, @channel, @conversation, @to, @part, @reply, @attempts, @maybeSent, @error, @until, @scope)`;
const letter = `
  INSERT INTO dead_letters (seq, message_seq, app_id, kind, part, reply, error, attempts, maybe_sent, at)
  VALUES (@seq, @message, @appId, @kind, @part, @reply, @error, @attempts, @maybeSent, @at)`;

/** Writes one thing of a backup. Rejects as every write does; `not_found` when its bot or its message is not there. */
export function restoreInto(sqlite: Sqlite, thing: Restorable): Promise<void> {
  return sqlite.write(() => {
    if (thing.kind === 'faq') restoreFaq(sqlite, thing.appId, thing.faq);
    else if (thing.kind === 'message') restoreMessage(sqlite, thing.message);
    else if (thing.kind === 'entry') restoreEntry(sqlite, thing.entry);
    else restoreLetter(sqlite, thing.letter);
  });
}

function restoreFaq(sqlite: Sqlite, appId: string, { version, pairs }: Faq): void {
  sqlite.query(faq).run({ appId, version, pairs: JSON.stringify(pairs) });
}

function restoreMessage(sqlite: Sqlite, { id, metadata, replies, ...values }: StoredMessage): void {
  const turn = values.turn ? JSON.stringify(values.turn) : null;
  const json = { metadata: JSON.stringify(metadata), replies: JSON.stringify(replies), turn };
  const row = { ...values, ...json, seq: Number(id) };
  const { appId, conversation, channel, receivedAt, seq } = row;
  sqlite.query(count).run({ appId, conversation, channel, receivedAt, seq });
  sqlite.query(message).run(row);
}

function restoreEntry(sqlite: Sqlite, { id, messageId, reply, hold, ...values }: OutboxEntry): void {
  const on = { seq: Number(id), message: Number(messageId), reply: JSON.stringify(reply) };
  sqlite.query(entry).run({ ...values, ...on, until: hold?.until ?? null, scope: hold?.scope ?? null });
}

function restoreLetter(sqlite: Sqlite, given: DeadLetter): void {
  const { id, messageId, reply, appId, kind, part, error, attempts, maybeSent, at } = given;
  const on = { seq: Number(id), message: Number(messageId), reply: reply && JSON.stringify(reply) };
  sqlite.query(letter).run({ ...on, appId, kind, part, error, attempts, maybeSent, at });
}
