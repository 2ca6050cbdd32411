/**
 * The schema, one step per version. A step that was released is never edited: add the next one.
 *
 * Tables are STRICT, so a wrong type fails loudly. `seq` is SQLite's rowid: it breaks ties of equal times in the order of arrival.
 */
import type Database from 'better-sqlite3';
import { HubError } from '../../errors.js';

export interface Migration {
  readonly name: string;
  readonly sql: string;
}
/** What a migration did: from which version to which, and the names of the steps; none when it was up to date. */
export interface Migrated {
  from: number;
  to: number;
  steps: string[];
}

const bots = `
CREATE TABLE bots (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, app_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, language TEXT NOT NULL, template TEXT NOT NULL,
  pipeline TEXT NOT NULL, engine TEXT NOT NULL, remote_url TEXT, threshold REAL, active_model TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL) STRICT;
CREATE INDEX bots_by_age ON bots (created_at, seq);
CREATE TABLE faq (
  app_id TEXT PRIMARY KEY REFERENCES bots (app_id) ON DELETE CASCADE, version INTEGER NOT NULL, pairs TEXT NOT NULL) STRICT;
CREATE TABLE files (
  app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, path TEXT NOT NULL, content TEXT NOT NULL,
  PRIMARY KEY (app_id, path)) STRICT;
`;
const training = `
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE,
  content TEXT NOT NULL, state TEXT NOT NULL, percent REAL NOT NULL, stage TEXT NOT NULL, eta REAL, error TEXT, model_id TEXT,
  attempts INTEGER NOT NULL, created_at TEXT NOT NULL, started_at TEXT, ended_at TEXT) STRICT;
CREATE INDEX jobs_of_bot ON jobs (app_id, created_at, seq);
CREATE INDEX jobs_unfinished ON jobs (created_at, seq) WHERE state IN ('queued', 'running', 'evaluating');
CREATE INDEX jobs_by_content ON jobs (content);
CREATE TABLE job_log (
  seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, line TEXT NOT NULL) STRICT;
CREATE INDEX job_log_of_job ON job_log (job_id, seq);
CREATE TABLE models (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, id TEXT NOT NULL,
  job_id TEXT NOT NULL, engine TEXT NOT NULL, pipeline TEXT NOT NULL, archive TEXT, content TEXT NOT NULL, bytes INTEGER NOT NULL,
  train_seconds REAL NOT NULL, created_at TEXT NOT NULL, UNIQUE (app_id, id)) STRICT;
CREATE INDEX models_of_bot ON models (app_id, created_at, seq);
CREATE INDEX models_by_archive ON models (archive);
CREATE INDEX models_by_content ON models (content);
`;
const talk = `
CREATE TABLE conversations (
  app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, id TEXT NOT NULL, channel TEXT NOT NULL, messages INTEGER NOT NULL,
  first_at TEXT NOT NULL, last_at TEXT NOT NULL, last_seq INTEGER NOT NULL, PRIMARY KEY (app_id, id)) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_by_activity ON conversations (app_id, last_seq);
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, channel TEXT NOT NULL,
  event_id TEXT NOT NULL, conversation TEXT NOT NULL, number INTEGER NOT NULL, text TEXT NOT NULL, payload INTEGER NOT NULL,
  address TEXT NOT NULL, metadata TEXT NOT NULL, received_at TEXT NOT NULL, state TEXT NOT NULL, error TEXT, replies TEXT NOT NULL,
  intent TEXT, confidence REAL, delivered INTEGER NOT NULL, ms REAL,
  UNIQUE (app_id, channel, event_id), UNIQUE (app_id, conversation, number)) STRICT;
CREATE INDEX messages_unsettled ON messages (seq) WHERE state = 'received' OR (state = 'answered' AND delivered = 0);
CREATE TABLE trackers (
  app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, sender TEXT NOT NULL, events INTEGER NOT NULL,
  PRIMARY KEY (app_id, sender)) STRICT, WITHOUT ROWID;
CREATE TABLE tracker_events (
  app_id TEXT NOT NULL, sender TEXT NOT NULL, n INTEGER NOT NULL, event TEXT NOT NULL, starts_session INTEGER NOT NULL,
  PRIMARY KEY (app_id, sender, n), FOREIGN KEY (app_id, sender) REFERENCES trackers (app_id, sender) ON DELETE CASCADE)
  STRICT, WITHOUT ROWID;
CREATE INDEX tracker_sessions ON tracker_events (app_id, sender, n) WHERE starts_session = 1;
`;
const hub = `
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE pulse (id INTEGER PRIMARY KEY CHECK (id = 1), at TEXT NOT NULL) STRICT;
`;

// What the first schema kept as answered but not delivered goes into the outbox, but for callers who held the line: they have gone.
const outbox = `
ALTER TABLE bots ADD COLUMN late_answers TEXT NOT NULL DEFAULT 'send';
ALTER TABLE messages ADD COLUMN maybe_twice INTEGER NOT NULL DEFAULT 0;
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, message_seq INTEGER NOT NULL REFERENCES messages (seq) ON DELETE CASCADE, app_id TEXT NOT NULL,
  channel TEXT NOT NULL, conversation TEXT NOT NULL, address TEXT NOT NULL, part INTEGER NOT NULL, reply TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, maybe_sent INTEGER NOT NULL DEFAULT 0, error TEXT, hold_until REAL, hold_scope TEXT) STRICT;
CREATE INDEX outbox_of_message ON outbox (message_seq);
CREATE TABLE dead_letters (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, message_seq INTEGER NOT NULL REFERENCES messages (seq) ON DELETE CASCADE, app_id TEXT NOT NULL,
  kind TEXT NOT NULL, part INTEGER, reply TEXT, error TEXT NOT NULL, attempts INTEGER NOT NULL, maybe_sent INTEGER NOT NULL, at TEXT NOT NULL) STRICT;
CREATE INDEX dead_letters_of_message ON dead_letters (message_seq);
CREATE INDEX dead_letters_of_bot ON dead_letters (app_id, seq);
INSERT INTO outbox (message_seq, app_id, channel, conversation, address, part, reply)
  SELECT m.seq, m.app_id, m.channel, m.conversation, m.address, r.key, r.value FROM messages m, json_each(m.replies) r
  WHERE m.state = 'answered' AND m.delivered = 0 AND m.channel <> 'rest' ORDER BY m.seq, r.key;
DROP INDEX messages_unsettled;
CREATE INDEX messages_unsettled ON messages (seq) WHERE state = 'received';
`;

/** Which Rasa installation trains and runs a bot. */
const runtimes = 'ALTER TABLE bots ADD COLUMN runtime TEXT;';
const instances = `
ALTER TABLE bots ADD COLUMN min_instances INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bots ADD COLUMN max_instances INTEGER NOT NULL DEFAULT 1;
`;
const trainers = `
ALTER TABLE jobs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN trainer TEXT;
ALTER TABLE jobs ADD COLUMN device TEXT;
`;
const channels = `
CREATE TABLE channels (
  app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, channel TEXT NOT NULL, settings TEXT NOT NULL, secrets TEXT,
  updated_at TEXT NOT NULL, PRIMARY KEY (app_id, channel)) STRICT, WITHOUT ROWID;
CREATE TABLE channel_health (
  app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, channel TEXT NOT NULL, last_event_at TEXT, last_error_at TEXT,
  last_error TEXT, PRIMARY KEY (app_id, channel)) STRICT, WITHOUT ROWID;
`;

const retention = 'CREATE INDEX messages_by_age ON messages (received_at, seq);';

const templates = 'CREATE TABLE templates (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;';

const versions = `
ALTER TABLE models ADD COLUMN about TEXT;
ALTER TABLE jobs ADD COLUMN by_whom TEXT;
ALTER TABLE bots ADD COLUMN options TEXT;
`;

/** A large bot goes in pieces; what was cut off is finished at the next start. */
const deleting = `
ALTER TABLE bots ADD COLUMN deleting INTEGER NOT NULL DEFAULT 0;
CREATE INDEX bots_deleting ON bots (app_id) WHERE deleting = 1;
`;
const access = `
CREATE TABLE users (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, login TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;
CREATE TABLE api_keys (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL UNIQUE,
  app_id TEXT REFERENCES bots (app_id) ON DELETE CASCADE, body TEXT NOT NULL) STRICT;
CREATE INDEX api_keys_of_bot ON api_keys (app_id, seq);
CREATE TABLE tickets (
  digest TEXT PRIMARY KEY, kind TEXT NOT NULL, user_id TEXT, body TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE INDEX tickets_of_user ON tickets (user_id);
CREATE INDEX tickets_by_end ON tickets (expires_at);
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, app_id TEXT, by_id TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX audit_by_time ON audit (at, seq);
CREATE INDEX audit_of_bot ON audit (app_id, at, seq);
CREATE INDEX audit_of_one ON audit (by_id, at, seq);
CREATE INDEX audit_of_both ON audit (app_id, by_id, at, seq);
`;

// `care` has a row only where somebody did something, `parses` one per text that was only to be understood.
const log = `
ALTER TABLE messages ADD COLUMN turn TEXT;
CREATE TABLE care (
  app_id TEXT NOT NULL, conversation TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (app_id, conversation),
  FOREIGN KEY (app_id, conversation) REFERENCES conversations (app_id, id) ON DELETE CASCADE) STRICT, WITHOUT ROWID;
CREATE INDEX care_active ON care (app_id, state) WHERE state <> 'bot';
CREATE TABLE parses (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, at TEXT NOT NULL,
  channel TEXT NOT NULL, node TEXT, status TEXT NOT NULL, ms REAL) STRICT;
CREATE INDEX parses_by_age ON parses (at, seq);
CREATE INDEX parses_of_bot ON parses (app_id);
CREATE TABLE documents (
  app_id TEXT NOT NULL REFERENCES bots (app_id) ON DELETE CASCADE, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (app_id, name))
  STRICT, WITHOUT ROWID;
`;

// `stream` is the order in which trackers grew. It has rows only while there are subscriptions; `first` and `many` say which events.
const stream = `
CREATE TABLE subscriptions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, app_id TEXT REFERENCES bots (app_id) ON DELETE CASCADE,
  body TEXT NOT NULL) STRICT;
CREATE INDEX subscriptions_of_bot ON subscriptions (app_id, seq);
CREATE TABLE held_sendings (
  subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE, state TEXT NOT NULL, position INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (subscription, position)) STRICT, WITHOUT ROWID;
CREATE INDEX held_by_state ON held_sendings (subscription, state, position);
CREATE TABLE stream (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, app_id TEXT NOT NULL, sender TEXT NOT NULL, first INTEGER NOT NULL, many INTEGER NOT NULL,
  at TEXT NOT NULL, FOREIGN KEY (app_id, sender) REFERENCES trackers (app_id, sender) ON DELETE CASCADE) STRICT;
CREATE INDEX stream_of_tracker ON stream (app_id, sender);
CREATE INDEX stream_by_time ON stream (at, seq);
`;

/** All steps, oldest first; the version of a database is how many of them it has seen. */
export const migrations: readonly Migration[] = [
  { name: 'first schema', sql: bots + training + talk + hub },
  { name: 'outbox and dead letters', sql: outbox },
  { name: 'named Rasa installations', sql: runtimes },
  { name: 'instances of a bot', sql: instances },
  { name: 'who trains a job', sql: trainers },
  { name: 'channel settings', sql: channels },
  { name: 'messages by age', sql: retention },
  { name: 'templates', sql: templates },
  { name: 'what is known of models, and options of bots', sql: versions },
  { name: 'bots that are being deleted', sql: deleting },
  { name: 'authorization of remote bots', sql: 'ALTER TABLE bots ADD COLUMN remote_auth TEXT;' },
  { name: 'users, keys and the audit log', sql: access },
  { name: 'turns, care, parses and documents', sql: log },
  { name: 'event stream', sql: stream },
];

/**
 * Brings the schema up to date, all steps or none; answers what it did. Throws `store_unavailable` for a database that a newer release
 * wrote; SQLite's own errors pass.
 */
export function migrate(database: Database.Database, steps: readonly Migration[] = migrations): Migrated {
  const from = versionOf(database);
  const to = steps.length;
  if (from > to) {
    throw new HubError(
      'store_unavailable',
      `The database has schema version ${from}, this release knows ${to}: a newer Switchboard wrote it. Start that release, or put a backup of the older one in place.`,
    );
  }
  if (from === to) return { from, to, steps: [] };
  // A step may rebuild a table that others refer to; the check below stands in for what is switched off.
  database.pragma('foreign_keys = OFF');
  try {
    database.transaction(() => applyAll(database, steps, from)).immediate();
  } finally {
    database.pragma('foreign_keys = ON');
  }
  return { from, to, steps: steps.slice(from).map((step) => step.name) };
}

function applyAll(database: Database.Database, steps: readonly Migration[], from: number): void {
  database.exec(
    'CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL) STRICT',
  );
  const note = database.prepare('INSERT INTO schema_version (version, name, at) VALUES (?, ?, ?)');
  for (const [place, step] of steps.entries()) {
    if (place < from) continue;
    database.exec(step.sql);
    note.run(place + 1, step.name, new Date().toISOString());
  }
  const broken = database.pragma('foreign_key_check') as unknown[];
  if (broken.length > 0) throw new Error(`A migration left ${broken.length} rows that refer to nothing.`);
}

function versionOf(database: Database.Database): number {
  const tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'";
  if (database.prepare(tables).pluck().get() === 0) return 0;
  return database.prepare('SELECT coalesce(max(version), 0) FROM schema_version').pluck().get() as number;
}
