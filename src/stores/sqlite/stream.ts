/** The event stream: places in trackers, in the order in which they were written. */
import type { Json, StreamItem, StreamStore } from '../../contracts.js';
import type { Reader } from './database.js';

interface Row {
  position: number;
  app_id: string;
  sender: string;
  first: number;
  many: number;
  at: string;
  channel: string | null;
}
const columns = `
  SELECT s.seq AS position, s.app_id, s.sender, s.first, s.many, s.at, c.channel
  FROM stream s LEFT JOIN conversations c ON c.app_id = s.app_id AND c.id = s.sender`;
const events = `
  SELECT event FROM tracker_events WHERE app_id = @appId AND sender = @sender AND n >= @first AND n < @end ORDER BY n`;

/** The stream of one SQLite file. */
export function createSqliteStream(reader: Reader): StreamStore {
  const following = reader.query<Row>(`${columns} WHERE s.seq > @after ORDER BY s.seq LIMIT @limit`);
  const one = reader.query<Row>(`${columns} WHERE s.seq = @position`);
  const within = reader.query<{ event: string }>(events);
  const newest = reader.query<{ seq: number }>('SELECT seq FROM stream WHERE seq > 0 ORDER BY seq DESC LIMIT 1');
  const since = reader.query<{ seq: number }>('SELECT seq FROM stream WHERE at >= @time ORDER BY at, seq LIMIT 1');
  const itemOf = ({ position, app_id: appId, sender, first, many, at, channel }: Row): StreamItem => {
    const rows = within.all({ appId, sender, first, end: first + many });
    return {
      ...{ position, appId, conversation: sender, channel, at },
      events: rows.map(({ event }) => JSON.parse(event) as Json),
    };
  };
  const head = (): number => newest.get()?.seq ?? 0;
  return {
    read: (after, limit) =>
      reader.read(() => {
        const rows = following.all({ after, limit });
        return { items: rows.map(itemOf), end: rows.at(-1)?.position ?? after };
      }),
    at: (position) =>
      reader.read(() => {
        const row = one.get({ position });
        return row ? itemOf(row) : null;
      }),
    head: () => reader.read(head),
    seek: (time) =>
      reader.read(() => {
        const first = since.get({ time })?.seq;
        return first === undefined ? head() : first - 1;
      }),
  };
}
