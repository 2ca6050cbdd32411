/** What authors set for their bots' channels, and what was last seen of these. */
import type { ChannelHealth, ChannelRecord, ChannelStore, Json } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Sqlite } from './database.js';

interface Row {
  app_id: string;
  channel: string;
  settings: string;
  secrets: string | null;
  updated_at: string;
}
interface HealthRow {
  channel: string;
  last_event_at: string | null;
  last_error_at: string | null;
  last_error: string | null;
}

const put = `
  INSERT INTO channels (app_id, channel, settings, secrets, updated_at)
  SELECT @appId, @channel, @settings, @secrets, @updatedAt WHERE EXISTS (SELECT 1 FROM bots WHERE app_id = @appId)
  ON CONFLICT (app_id, channel) DO UPDATE SET settings = excluded.settings, secrets = excluded.secrets, updated_at = excluded.updated_at`;
const note = `
  INSERT INTO channel_health (app_id, channel, last_event_at, last_error_at, last_error)
  SELECT @appId, @channel, @eventAt, @errorAt, @error WHERE EXISTS (SELECT 1 FROM bots WHERE app_id = @appId)
  ON CONFLICT (app_id, channel) DO UPDATE SET last_event_at = coalesce(excluded.last_event_at, last_event_at),
    last_error_at = coalesce(excluded.last_error_at, last_error_at), last_error = coalesce(excluded.last_error, last_error)`;

/** The channels of one SQLite file. */
export class SqliteChannels implements ChannelStore {
  private readonly one;
  private readonly all;
  private readonly write;
  private readonly drop;
  private readonly seen;
  private readonly mark;

  constructor(private readonly sqlite: Sqlite) {
    this.one = sqlite.query<Row>('SELECT * FROM channels WHERE app_id = @appId AND channel = @channel');
    this.all = sqlite.query<Row>('SELECT * FROM channels WHERE app_id = @appId ORDER BY channel');
    this.write = sqlite.query(put);
    this.drop = sqlite.query('DELETE FROM channels WHERE app_id = @appId AND channel = @channel');
    this.seen = sqlite.query<HealthRow>('SELECT * FROM channel_health WHERE app_id = @appId');
    this.mark = sqlite.query(note);
  }

  get(appId: string, channel: string): Promise<ChannelRecord | null> {
    return this.sqlite.read(() => {
      const row = this.one.get({ appId, channel });
      return row ? recordOf(row) : null;
    });
  }

  list(appId: string): Promise<ChannelRecord[]> {
    return this.sqlite.read(() => this.all.all({ appId }).map(recordOf));
  }

  put({ appId, channel, settings, secrets, updatedAt }: ChannelRecord): Promise<void> {
    return this.sqlite.write(() => {
      const values = { appId, channel, settings: JSON.stringify(settings), secrets, updatedAt };
      if (this.write.run(values).changes === 0) throw new HubError('not_found', `There is no bot ${appId}.`);
    });
  }

  remove(appId: string, channel: string): Promise<boolean> {
    return this.sqlite.write(() => this.drop.run({ appId, channel }).changes === 1);
  }

  health(appId: string): Promise<Map<string, ChannelHealth>> {
    return this.sqlite.read(() => new Map(this.seen.all({ appId }).map((row) => [row.channel, healthOf(row)])));
  }

  note(appId: string, channel: string, change: Partial<ChannelHealth>): Promise<void> {
    const { lastEventAt: eventAt = null, lastErrorAt: errorAt = null, lastError: error = null } = change;
    return this.sqlite.write(() => void this.mark.run({ appId, channel, eventAt, errorAt, error }), 'committed');
  }
}

const recordOf = (row: Row): ChannelRecord => ({
  appId: row.app_id,
  channel: row.channel,
  settings: JSON.parse(row.settings) as Json,
  secrets: row.secrets,
  updatedAt: row.updated_at,
});
const healthOf = (row: HealthRow): ChannelHealth => ({
  lastEventAt: row.last_event_at,
  lastErrorAt: row.last_error_at,
  lastError: row.last_error,
});
