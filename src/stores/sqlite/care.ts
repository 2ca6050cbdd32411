/** What people do about conversations: a row only where somebody did something. */
import type { Care, CareChange, CareStore, Conversation, LoggedConversation } from '../../contracts.js';
import { careOf, changedCare } from '../log.js';
import type { Sqlite } from './database.js';

const one = `
  SELECT c.id, c.channel, c.messages, c.first_at AS firstAt, c.last_at AS lastAt, k.body
  FROM conversations c LEFT JOIN care k ON k.app_id = c.app_id AND k.conversation = c.id
  WHERE c.app_id = @appId AND c.id = @conversation`;
const put = `
  INSERT INTO care (app_id, conversation, state, body) VALUES (@appId, @conversation, @state, @body)
  ON CONFLICT (app_id, conversation) DO UPDATE SET state = excluded.state, body = excluded.body`;
const active = "SELECT app_id AS appId, conversation, body FROM care WHERE state <> 'bot' ORDER BY app_id, state";

/** The care of one SQLite file. */
export class SqliteCare implements CareStore {
  private readonly one;
  private readonly put;
  private readonly all;

  constructor(private readonly sqlite: Sqlite) {
    this.one = sqlite.query<Conversation & { body: string | null }>(one);
    this.put = sqlite.query(put);
    this.all = sqlite.query<{ appId: string; conversation: string; body: string }>(active);
  }

  get(appId: string, conversation: string): Promise<LoggedConversation | null> {
    return this.sqlite.read(() => this.read(appId, conversation));
  }

  change(appId: string, conversation: string, change: CareChange): Promise<LoggedConversation | null> {
    return this.sqlite.write(() => {
      const present = this.read(appId, conversation);
      if (!present) return null;
      const care = changedCare(present.care, change);
      this.put.run({ appId, conversation, state: care.state, body: JSON.stringify(care) });
      return { ...present, care };
    });
  }

  active(): Promise<{ appId: string; conversation: string; care: Care }[]> {
    return this.sqlite.read(() =>
      this.all.all().map(({ appId, conversation, body }) => ({ appId, conversation, care: careOf(body) })),
    );
  }

  private read(appId: string, conversation: string): LoggedConversation | null {
    const row = this.one.get({ appId, conversation });
    if (!row) return null;
    const { body, ...shown } = row;
    return { ...shown, care: careOf(body) };
  }
}
