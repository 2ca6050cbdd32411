/**
 * Bots. A bot that is being deleted is marked, and gone for everybody at once; then what is its own goes in pieces, so that no deletion stops
 * the process, and last its row, which takes the rest along by ON DELETE CASCADE.
 */
import type { Bot, BotOptions, BotStore, Listed, Page, ProjectFile } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Sqlite } from './database.js';
import type { SqliteFiles } from './files.js';
import { Pager, first } from '../page.js';

interface BotRow {
  seq: number;
  app_id: string;
  name: string;
  language: string;
  template: string;
  pipeline: Bot['pipeline'];
  engine: Bot['engine'];
  remote_url: string | null;
  remote_auth: string | null;
  threshold: number | null;
  active_model: string | null;
  late_answers: Bot['lateAnswers'];
  runtime: string | null;
  min_instances: number;
  max_instances: number;
  options: string | null;
  created_at: string;
  updated_at: string;
}

const insert = `
  INSERT INTO bots (app_id, name, language, template, pipeline, engine, remote_url, remote_auth, threshold, active_model, late_answers, runtime, min_instances, max_instances, options, created_at, updated_at)
  VALUES (@appId, @name, @language, @template, @pipeline, @engine, @remoteUrl, @remoteAuth, @threshold, @activeModel, @lateAnswers, @runtime, @minInstances, @maxInstances, @options, @createdAt, @updatedAt)
  ON CONFLICT (app_id) DO NOTHING`;
const update = `
  UPDATE bots SET name = @name, language = @language, template = @template, pipeline = @pipeline, engine = @engine,
    remote_url = @remoteUrl, remote_auth = @remoteAuth, threshold = @threshold, active_model = @activeModel, late_answers = @lateAnswers, runtime = @runtime,
    min_instances = @minInstances, max_instances = @maxInstances, options = @options, updated_at = @updatedAt
  WHERE app_id = @appId`;
const page =
  'SELECT * FROM bots WHERE deleting = 0 AND (created_at, seq) > (@at, @seq) ORDER BY created_at, seq LIMIT @fetch';

/** Rows that one transaction removes: a few milliseconds. */
const piece = 500;
/** What a bot may have much of, and the columns that name one row of it. */
const pieces = [
  `DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE app_id = @appId LIMIT ${piece})`,
  `DELETE FROM tracker_events WHERE (app_id, sender, n) IN
    (SELECT app_id, sender, n FROM tracker_events WHERE app_id = @appId LIMIT ${piece})`,
  `DELETE FROM trackers WHERE (app_id, sender) IN (SELECT app_id, sender FROM trackers WHERE app_id = @appId LIMIT ${piece})`,
  `DELETE FROM conversations WHERE (app_id, id) IN (SELECT app_id, id FROM conversations WHERE app_id = @appId LIMIT ${piece})`,
  `DELETE FROM job_log WHERE seq IN
    (SELECT l.seq FROM jobs j CROSS JOIN job_log l ON l.job_id = j.id WHERE j.app_id = @appId LIMIT ${piece})`,
];

/** The bots of one SQLite file. */
export class SqliteBots implements BotStore {
  private readonly insert;
  private readonly change;
  private readonly byId;
  private readonly after;
  private readonly mark;
  private readonly cut;
  private readonly pieces;
  private readonly drop;
  private readonly pager = new Pager<BotRow>('bots', first, (row) => [row.created_at, row.seq]);

  constructor(
    private readonly sqlite: Sqlite,
    private readonly files: SqliteFiles,
  ) {
    this.insert = sqlite.query(insert);
    this.change = sqlite.query(update);
    this.byId = sqlite.query<BotRow>('SELECT * FROM bots WHERE app_id = @appId AND deleting = 0');
    this.after = sqlite.query<BotRow>(page);
    this.mark = sqlite.query('UPDATE bots SET deleting = 1 WHERE app_id = @appId AND deleting = 0');
    this.cut = sqlite.query<{ appId: string }>('SELECT app_id AS appId FROM bots WHERE deleting = 1');
    this.pieces = pieces.map((sql) => sqlite.query(sql));
    this.drop = sqlite.query('DELETE FROM bots WHERE app_id = @appId AND deleting = 1');
  }

  async create(bot: Bot, files: readonly ProjectFile[] = []): Promise<void> {
    // One of this name may be on its way out.
    await this.swept(bot.appId);
    return this.sqlite.write(() => {
      if (this.insert.run(fieldsOf(bot)).changes !== 1)
        throw new HubError('bot_exists', `There is a bot with the APP_ID ${bot.appId} already; choose another.`);
      this.files.put(bot.appId, files);
    });
  }

  get(appId: string): Promise<Bot | null> {
    return this.sqlite.read(() => this.find(appId));
  }

  list(page: Page): Promise<Listed<Bot>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, this.after.all({ at: key[0] ?? '', seq: key[1] ?? 0, fetch }), botOf);
    });
  }

  update(appId: string, change: Partial<Omit<Bot, 'appId' | 'createdAt'>>): Promise<Bot | null> {
    return this.sqlite.write(() => {
      const bot = this.find(appId);
      if (!bot) return null;
      const changed = { ...bot, ...change, appId, createdAt: bot.createdAt };
      this.change.run(fieldsOf(changed));
      return changed;
    });
  }

  async delete(appId: string): Promise<boolean> {
    const marked = await this.sqlite.write(() => this.mark.run({ appId }).changes === 1);
    if (marked) await this.swept(appId);
    return marked;
  }

  /** Finishes deletions that were cut off. */
  async recover(): Promise<void> {
    for (const { appId } of this.cut.all()) await this.swept(appId);
  }

  private async swept(appId: string): Promise<void> {
    if (!this.cut.all().some((bot) => bot.appId === appId)) return;
    for (const one of this.pieces)
      while ((await this.sqlite.write(() => one.run({ appId }).changes, 'committed')) === piece);
    await this.sqlite.write(() => void this.drop.run({ appId }));
  }

  private find(appId: string): Bot | null {
    const row = this.byId.get({ appId });
    return row ? botOf(row) : null;
  }
}

function fieldsOf({ instances, options, remoteAuth = null, ...bot }: Bot) {
  return {
    ...bot,
    remoteAuth,
    options: options ? JSON.stringify(options) : null,
    minInstances: instances.min,
    maxInstances: instances.max,
  };
}

function botOf(row: BotRow): Bot {
  return {
    appId: row.app_id,
    name: row.name,
    language: row.language,
    template: row.template,
    pipeline: row.pipeline,
    engine: row.engine,
    remoteUrl: row.remote_url,
    ...(row.remote_auth === null ? {} : { remoteAuth: row.remote_auth }),
    threshold: row.threshold,
    activeModel: row.active_model,
    lateAnswers: row.late_answers,
    runtime: row.runtime,
    instances: { min: row.min_instances, max: row.max_instances },
    ...(row.options === null ? {} : { options: JSON.parse(row.options) as BotOptions }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
