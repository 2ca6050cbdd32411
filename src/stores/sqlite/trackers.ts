/**
 * Rasa's trackers: one row per event. `trackers` holds the count, so that an append checks its place without counting. While somebody
 * subscribes to the event stream, each append also notes its place in `stream`, in its own transaction.
 */
import type { Json, TrackerStore } from '../../contracts.js';
import type { Sqlite } from './database.js';

interface Counted {
  events: number;
}
interface Event {
  n: number;
  event: string;
}

/** Whether the order in which trackers grow is kept, and the clock that stamps it. */
export interface StreamOrder {
  kept: boolean;
  now: () => Date;
}

const note = 'INSERT INTO stream (app_id, sender, first, many, at) VALUES (@appId, @sender, @first, @many, @at)';
const setCount = `
  INSERT INTO trackers (app_id, sender, events) VALUES (@appId, @sender, @events)
  ON CONFLICT (app_id, sender) DO UPDATE SET events = excluded.events`;
const add = `
  INSERT INTO tracker_events (app_id, sender, n, event, starts_session) VALUES (@appId, @sender, @n, @event, @startsSession)`;
const sessionStart = `
  SELECT n FROM tracker_events WHERE app_id = @appId AND sender = @sender AND starts_session = 1 ORDER BY n DESC LIMIT 1`;
const since =
  'SELECT n, event FROM tracker_events WHERE app_id = @appId AND sender = @sender AND n >= @from ORDER BY n';

/** The trackers of one SQLite file. */
export class SqliteTrackers implements TrackerStore {
  private readonly counted;
  private readonly setCount;
  private readonly add;
  private readonly clear;
  private readonly sessionStart;
  private readonly since;
  private readonly ofBot;
  private readonly note;
  private readonly unnote;

  constructor(
    private readonly sqlite: Sqlite,
    private readonly order: StreamOrder,
  ) {
    this.note = sqlite.query(note);
    this.unnote = sqlite.query('DELETE FROM stream WHERE app_id = @appId AND sender = @sender');
    this.counted = sqlite.query<Counted>('SELECT events FROM trackers WHERE app_id = @appId AND sender = @sender');
    this.setCount = sqlite.query(setCount);
    this.add = sqlite.query(add);
    this.clear = sqlite.query('DELETE FROM tracker_events WHERE app_id = @appId AND sender = @sender');
    this.sessionStart = sqlite.query<{ n: number }>(sessionStart);
    this.since = sqlite.query<Event>(since);
    this.ofBot = sqlite.query<{ sender: string }>('SELECT sender FROM trackers WHERE app_id = @appId ORDER BY sender');
  }

  read(appId: string, sender: string, all: boolean): Promise<{ offset: number; events: Json[] } | null> {
    return this.sqlite.read(() => {
      const counted = this.counted.get({ appId, sender });
      if (!counted) return null;
      if (all) return { offset: 0, events: this.since.all({ appId, sender, from: 0 }).map(jsonOf) };
      return this.session(appId, sender);
    });
  }

  append(appId: string, sender: string, from: number, events: Json[]): Promise<boolean> {
    return this.sqlite.write(() => {
      if ((this.counted.get({ appId, sender })?.events ?? 0) !== from) return false;
      if (events.length > 0) this.addAll({ appId, sender }, from, events);
      return true;
    });
  }

  extend(appId: string, sender: string, events: Json[]): Promise<void> {
    return this.sqlite.write(() =>
      this.addAll({ appId, sender }, this.counted.get({ appId, sender })?.events ?? 0, events),
    );
  }

  replace(appId: string, sender: string, events: Json[]): Promise<void> {
    return this.sqlite.write(() => {
      this.clear.run({ appId, sender });
      // Places that were noted stand for other events now.
      if (this.order.kept) this.unnote.run({ appId, sender });
      this.addAll({ appId, sender }, 0, events);
    });
  }

  senders(appId: string): Promise<string[]> {
    return this.sqlite.read(() => this.ofBot.all({ appId }).map((row) => row.sender));
  }

  private session(appId: string, sender: string): { offset: number; events: Json[] } {
    const started = this.sessionStart.get({ appId, sender })?.n ?? 0;
    // One older event comes along: it belongs to the session when it is the action that started it.
    const [older, ...events] = this.since.all({ appId, sender, from: Math.max(0, started - 1) }).map(jsonOf);
    if (older === undefined) return { offset: 0, events: [] };
    const belongs = started === 0 || (older['event'] === 'action' && older['name'] === 'action_session_start');
    return belongs ? { offset: Math.max(0, started - 1), events: [older, ...events] } : { offset: started, events };
  }

  private addAll(of: { appId: string; sender: string }, from: number, events: Json[]): void {
    this.setCount.run({ ...of, events: from + events.length });
    for (const [place, event] of events.entries()) {
      const startsSession = event['event'] === 'session_started';
      this.add.run({ ...of, n: from + place, event: JSON.stringify(event), startsSession });
    }
    if (this.order.kept && events.length > 0)
      this.note.run({ ...of, first: from, many: events.length, at: this.order.now().toISOString() });
  }
}

function jsonOf(row: Event): Json {
  return JSON.parse(row.event) as Json;
}
