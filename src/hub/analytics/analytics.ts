/**
 * Figures of bots, counted from the log behind the scenes. A day that is over is written down once, in a document for its month; today is
 * counted in memory, and anew after a restart. So a chart over a year reads twelve documents, however many messages there were.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json, Store } from '../../contracts.js';
import { changeDocument } from '../../documents.js';
import { HubError } from '../../errors.js';
import type { Log } from '../../log.js';
import { type Cell, closed, count, type Day, type Figures, figuresOf, openDay, type OpenDay } from './tally.js';

export interface AnalyticsFilter {
  /** Days (UTC), both included. */
  from: string;
  to: string;
  channel?: string | undefined;
  version?: string | undefined;
}
export interface Report {
  from: string;
  to: string;
  /** Until when the log has been counted. */
  upTo: string;
  totals: Figures;
  /** `people`: different conversations of that day. */
  days: (Figures & { day: string; people: number })[];
  channels: (Figures & { channel: string })[];
  versions: (Figures & { version: string })[];
  intents: { intent: string; count: number }[];
}
export interface Analytics {
  report(appId: string, filter: AnalyticsFilter): Promise<Report>;
  /** A row for each day, channel and version. */
  rows(
    appId: string,
    filter: AnalyticsFilter,
  ): Promise<(Figures & Pick<Cell, 'channel' | 'version'> & { day: string })[]>;
  /** Counts what has come since; resolves when it has. Never rejects. */
  catchUp(): Promise<void>;
  stop(): Promise<void>;
}
export interface AnalyticsOptions {
  store: Pick<Store, 'log' | 'documents' | 'settings'>;
  log: Log;
  now?: () => number;
  /** How long after its receipt a turn is counted: by then nearly all have their outcome. */
  settleMs?: number;
  /** How often it looks; null: when it is told. */
  everyMs?: number | null;
}

const defaultSettleMs = 15_000;
const defaultEveryMs = 10_000;
const pageSize = 500;
/** Chats go first. */
const pauseMs = 5;
/** From which day on the log has not been counted for good. */
const daySetting = 'analytics.day';
const dayMs = 86_400_000;
const mostIntents = 50;
const begin = '1970-01-01';
const dayOf = (at: string): string => at.slice(0, 10);
const dayAfter = (day: string): string => dayOf(new Date(Date.parse(day) + dayMs).toISOString());
const documentOf = (day: string): string => `analytics ${day.slice(0, 7)}`;

export function createAnalytics(options: AnalyticsOptions): Analytics {
  return new CountedLog(options);
}

class CountedLog implements Analytics {
  /** The day that is being counted, null before the first look; its figures by bot. */
  private day: string | null = null;
  private bots = new Map<string, OpenDay>();
  /** The last message that was counted. */
  private last = { at: '', id: 0 };
  private upTo = '';
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: AnalyticsOptions) {
    const everyMs = options.everyMs === undefined ? defaultEveryMs : options.everyMs;
    if (everyMs !== null) this.timer = setInterval(() => void this.catchUp(), everyMs).unref();
  }

  async report(appId: string, filter: AnalyticsFilter): Promise<Report> {
    const days = await this.days(appId, filter);
    const cells = days.flatMap((one) => one.cells);
    const parted = (key: 'channel' | 'version'): { name: string; figures: Figures }[] =>
      [...new Set(cells.map((cell) => cell[key]))].map((name) => ({
        name,
        figures: figuresOf(cells.filter((cell) => cell[key] === name)),
      }));
    const counts = new Map<string, number>();
    for (const { intents } of cells)
      for (const [intent, times] of Object.entries(intents)) counts.set(intent, (counts.get(intent) ?? 0) + times);
    const intents = [...counts].map(([intent, times]) => ({ intent, count: times }));
    return {
      ...{ from: filter.from, to: filter.to, upTo: this.upTo, totals: figuresOf(cells) },
      days: days.map((one) => ({ day: one.day, people: peopleOf(one), ...figuresOf(one.cells) })),
      channels: parted('channel').map(({ name, figures }) => ({ channel: name, ...figures })),
      versions: parted('version').map(({ name, figures }) => ({ version: name, ...figures })),
      intents: intents.sort((one, other) => other.count - one.count).slice(0, mostIntents),
    };
  }

  async rows(appId: string, filter: AnalyticsFilter): ReturnType<Analytics['rows']> {
    return (await this.days(appId, filter)).flatMap(({ day, cells }) =>
      cells.map((cell) => ({ day, channel: cell.channel, version: cell.version, ...figuresOf([cell]) })),
    );
  }

  catchUp(): Promise<void> {
    this.running = this.running
      .then(() => this.count())
      .catch((error: unknown) => {
        if (!this.stopped) this.options.log.warn({ err: error }, 'the log could not be counted; trying again soon');
      });
    return this.running;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  /** Counts page by page up to a moment ago; days that are over are written down. */
  private async count(): Promise<void> {
    const { store, now = Date.now, settleMs = defaultSettleMs } = this.options;
    const to = new Date(now() - settleMs).toISOString();
    this.day ??= (await store.settings.get(daySetting)) ?? begin;
    const from = this.last.at > this.day ? this.last.at : this.day;
    let cursor: string | undefined;
    do {
      const page = await store.log.everything({ from, to }, { limit: pageSize, cursor });
      for (const message of page.items.filter((one) => this.isNew(one))) {
        if (dayOf(message.receivedAt) > this.day) await this.turnTo(dayOf(message.receivedAt));
        const counted = this.bots.get(message.appId) ?? openDay();
        this.bots.set(message.appId, counted);
        count(counted, message);
        this.last = { at: message.receivedAt, id: Number(message.id) };
      }
      cursor = page.next ?? undefined;
      if (cursor !== undefined) await sleep(pauseMs);
    } while (cursor !== undefined && !this.stopped);
    if (this.stopped) return;
    this.upTo = to;
    if (dayOf(to) > this.day) await this.turnTo(dayOf(to));
  }

  /** Of those of one moment some may have been counted. */
  private isNew({ receivedAt, id }: { receivedAt: string; id: string }): boolean {
    return receivedAt > this.last.at || (receivedAt === this.last.at && Number(id) > this.last.id);
  }

  /** Writes the day down and begins another one. Cut off, it is counted and written anew. */
  private async turnTo(next: string): Promise<void> {
    const { store } = this.options;
    const day = this.day ?? begin;
    for (const [appId, counted] of this.bots) {
      const name = documentOf(day);
      try {
        await changeDocument(store.documents, { appId, name }, (kept) => ({ ...kept, [day]: closed(day, counted) }));
      } catch (error) {
        // The bot went away, and its figures with it.
        if (!(error instanceof HubError) || error.code !== 'not_found') throw error;
      }
    }
    await store.settings.set(daySetting, next);
    this.bots = new Map();
    this.day = next;
  }

  /** The days of the span, oldest first, as far as the filter lets through. */
  private async days(appId: string, { from, to, channel, version }: AnalyticsFilter): Promise<Day[]> {
    const months = new Set<string>();
    for (let day = from; day <= to; day = dayAfter(day)) months.add(documentOf(day));
    const kept = await Promise.all([...months].map((name) => this.options.store.documents.get(appId, name)));
    const written = kept.flatMap((body: Json | null) => Object.values(body ?? {}) as Day[]);
    const today = this.bots.get(appId);
    const all = today && this.day !== null ? [...written, closed(this.day, today)] : written;
    const fits = (cell: Cell): boolean =>
      (channel === undefined || cell.channel === channel) && (version === undefined || cell.version === version);
    return all
      .filter(({ day }) => day >= from && day <= to)
      .map((one) => ({ ...one, people: onlyOf(one.people, channel), cells: one.cells.filter(fits) }))
      .sort((one, other) => one.day.localeCompare(other.day));
  }
}

const onlyOf = (people: Day['people'], channel: string | undefined): Day['people'] =>
  channel === undefined ? people : { [channel]: people[channel] ?? 0 };
const peopleOf = ({ people }: Day): number => Object.values(people).reduce((sum, count) => sum + count, 0);
