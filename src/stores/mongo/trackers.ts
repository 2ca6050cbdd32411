/**
 * Rasa's trackers. What is appended at once is one document, placed by a unique index at the end it found: it is there whole or not at all,
 * and two appends cannot take one place. A tracker that is replaced is written beside the old one (its next generation) and then switched.
 */
import type { Json, TrackerStore } from '../../contracts.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import { lateError } from './failure.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';

interface TrackerDoc extends Stored {
  _id: string;
  appId: string;
  sender: string;
  generation: number;
}
export const trackers: Collection<TrackerDoc, 'ofBot'> = {
  name: 'trackers',
  fields: { _id: 'string', appId: 'string', sender: 'string', generation: 'number' },
  indexes: { of_bot: { keys: ['appId', 'sender'] } },
  questions: { ofBot: { index: 'of_bot', equal: ['appId'], sorted: ['sender'] } },
};

interface EventsDoc extends Stored {
  _id: number;
  appId: string;
  tracker: string;
  generation: number;
  /** Place of the first event, and how many there are. */
  from: number;
  count: number;
  /** Place of the last `session_started` among them. */
  session: number | null;
  /** As JSON. */
  events: string;
  /** When it was stored (ISO); absent in those of older releases. */
  at?: string;
}
export type { EventsDoc };
export type EventsQuestions =
  'ofBot' | 'ofTracker' | 'ofGeneration' | 'onwards' | 'back' | 'sessions' | 'all' | 'newest';
export const trackerEvents: Collection<EventsDoc, EventsQuestions> = {
  name: 'tracker_events',
  fields: {
    _id: 'number',
    appId: 'string',
    tracker: 'string',
    generation: 'number',
    from: 'number',
    count: 'number',
    session: 'number',
    events: 'string',
    at: 'string',
  },
  indexes: {
    by_place: { keys: ['tracker', 'generation', 'from'], unique: true },
    by_session: { keys: ['tracker', 'generation', 'session'] },
    of_bot: { keys: ['appId'] },
  },
  questions: {
    ofBot: { index: 'of_bot', equal: ['appId'] },
    ofTracker: { index: 'by_place', equal: ['tracker'] },
    ofGeneration: { index: 'by_place', equal: ['tracker', 'generation'] },
    onwards: { index: 'by_place', equal: ['tracker', 'generation'], sorted: ['from'] },
    back: { index: 'by_place', equal: ['tracker', 'generation'], sorted: ['from'], order: 'down' },
    sessions: { index: 'by_session', equal: ['tracker', 'generation'], sorted: ['session'], order: 'down' },
    all: { index: 'id', equal: [], sorted: ['_id'] },
    newest: { index: 'id', equal: [], sorted: ['_id'], order: 'down' },
  },
};
const most = 1_000_000;
/** Events in one document of a tracker that is written anew. */
const slice = 1000;

interface Of {
  appId: string;
  sender: string;
}
/** What tells one state of a tracker from all others. */
type Generation = Pick<EventsDoc, 'tracker' | 'generation'>;

/** The trackers of one database. */
export class MongoTrackers implements TrackerStore {
  private readonly heads: Table<TrackerDoc, 'ofBot'>;
  private readonly table: Table<EventsDoc, EventsQuestions>;
  private readonly lanes = new Lanes();

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
    private readonly numbers: Numbers,
    private readonly now: () => Date,
  ) {
    this.heads = mongo.table(trackers);
    this.table = mongo.table(trackerEvents);
    bots.onDelete(
      (appId) => this.heads.remove('ofBot', { appId }),
      (appId) => this.table.remove('ofBot', { appId }),
    );
  }

  read(appId: string, sender: string, all: boolean): Promise<{ offset: number; events: Json[] } | null> {
    return this.mongo.run(() =>
      this.lanes.run(idOf({ appId, sender }), async () => {
        const head = await this.heads.byId(idOf({ appId, sender }));
        if (!head) return null;
        const of = { tracker: head._id, generation: head.generation };
        return all ? { offset: 0, events: await this.since(of, 0) } : this.session(of);
      }),
    );
  }

  append(appId: string, sender: string, from: number, events: Json[]): Promise<boolean> {
    const tracker = idOf({ appId, sender });
    return this.mongo.run(() =>
      this.lanes.run(tracker, async () => {
        const head = await this.heads.byId(tracker);
        const of = { tracker, generation: head?.generation ?? 0 };
        if ((head ? await this.length(of) : 0) !== from) return false;
        if (events.length === 0) return true;
        return this.bots.within(appId, async () => {
          if (!head) await this.heads.insert({ _id: tracker, appId, sender, generation: 0 });
          return this.add(appId, of, from, events);
        });
      }),
    );
  }

  extend(appId: string, sender: string, events: Json[]): Promise<void> {
    const tracker = idOf({ appId, sender });
    return this.mongo.run(() =>
      this.lanes.run(tracker, () =>
        this.bots.within(appId, async () => {
          await this.heads.insert({ _id: tracker, appId, sender, generation: 0 });
          const of = { tracker, generation: (await this.heads.byId(tracker))?.generation ?? 0 };
          // The place is taken when another process of ours appended meanwhile, which the lane keeps from happening.
          if (!(await this.add(appId, of, await this.length(of), events))) throw lateError();
        }),
      ),
    );
  }

  replace(appId: string, sender: string, events: Json[]): Promise<void> {
    const tracker = idOf({ appId, sender });
    return this.mongo.run(() =>
      this.lanes.run(tracker, () =>
        this.bots.within(appId, async () => {
          await this.heads.insert({ _id: tracker, appId, sender, generation: 0 });
          const present = (await this.heads.byId(tracker))?.generation ?? 0;
          // What an earlier replacement that was cut off has left.
          await this.table.remove('ofGeneration', { tracker, generation: [present - 1, present + 1] });
          const next = { tracker, generation: present + 1 };
          for (let from = 0; from < events.length; from += slice) {
            await this.add(appId, next, from, events.slice(from, from + slice));
          }
          await this.heads.change(tracker, () => ({ set: { generation: present + 1 }, answer: null }));
          await this.table.remove('ofGeneration', { tracker, generation: present });
        }),
      ),
    );
  }

  /** Removes a tracker; false when there was none. Its events first: without a head they would stand in the way of new ones. */
  async forget(appId: string, sender: string): Promise<boolean> {
    const tracker = idOf({ appId, sender });
    return this.lanes.run(tracker, async () => {
      await this.table.remove('ofTracker', { tracker });
      return this.heads.removeOne(tracker);
    });
  }

  senders(appId: string): Promise<string[]> {
    return this.mongo.run(async () =>
      (await this.heads.find('ofBot', { appId }, { limit: most })).map(({ sender }) => sender),
    );
  }

  private async add(appId: string, of: Generation, from: number, events: Json[]): Promise<boolean> {
    const started = events.findLastIndex((event) => event['event'] === 'session_started');
    const session = started < 0 ? null : from + started;
    const facts = { appId, ...of, from, count: events.length, session, at: this.now().toISOString() };
    return this.numbers.placed((_id) => this.table.insert({ _id, ...facts, events: JSON.stringify(events) }));
  }

  private async length(of: Generation): Promise<number> {
    const end = await this.table.first('back', of);
    return end ? end.from + end.count : 0;
  }

  /** The events from place `from` on, which is the first of a document. */
  private async since(of: Generation, from: number): Promise<Json[]> {
    return (await this.table.find('onwards', of, { after: [from - 1], limit: most })).flatMap(eventsOf);
  }

  private async session(of: Generation): Promise<{ offset: number; events: Json[] }> {
    const started = await this.table.first('sessions', of);
    if (!started || started.session === null) return { offset: 0, events: await this.since(of, 0) };
    const { session, from } = started;
    const before = session > from || from === 0 ? null : await this.table.first('back', of, [from]);
    const [older] = before ? eventsOf(before).slice(-1) : eventsOf(started).slice(session - from - 1, session - from);
    // One older event belongs to the session when it is the action that started it.
    const belongs = session > 0 && older?.['event'] === 'action' && older['name'] === 'action_session_start';
    const later = (await this.since(of, from)).slice(session - from);
    return belongs ? { offset: session - 1, events: [older, ...later] } : { offset: session, events: later };
  }
}

/** The conversation that a tracker is of. */
export const senderOf = ({ tracker }: Pick<EventsDoc, 'tracker'>): string => (JSON.parse(tracker) as string[])[1] ?? '';
const idOf = ({ appId, sender }: Of): string => JSON.stringify([appId, sender]);
export const eventsOf = (document: EventsDoc): Json[] => JSON.parse(document.events) as Json[];
