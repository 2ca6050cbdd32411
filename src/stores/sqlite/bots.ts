/** Bots. Deleting one removes what is its own by ON DELETE CASCADE. */
import type { Bot, BotOptions, BotStore, Listed, Page } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Sqlite } from './database.js';
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
  INSERT INTO bots (app_id, name, language, template, pipeline, engine, remote_url, threshold, active_model, late_answers, runtime, min_instances, max_instances, options, created_at, updated_at)
  VALUES (@appId, @name, @language, @template, @pipeline, @engine, @remoteUrl, @threshold, @activeModel, @lateAnswers, @runtime, @minInstances, @maxInstances, @options, @createdAt, @updatedAt)
  ON CONFLICT (app_id) DO NOTHING`;
const update = `
  UPDATE bots SET name = @name, language = @language, template = @template, pipeline = @pipeline, engine = @engine,
    remote_url = @remoteUrl, threshold = @threshold, active_model = @activeModel, late_answers = @lateAnswers, runtime = @runtime,
    min_instances = @minInstances, max_instances = @maxInstances, options = @options, updated_at = @updatedAt
  WHERE app_id = @appId`;
const page = 'SELECT * FROM bots WHERE (created_at, seq) > (@at, @seq) ORDER BY created_at, seq LIMIT @fetch';

/** The bots of one SQLite file. */
export class SqliteBots implements BotStore {
  private readonly insert;
  private readonly change;
  private readonly byId;
  private readonly after;
  private readonly drop;
  private readonly pager = new Pager<BotRow>('bots', first, (row) => [row.created_at, row.seq]);

  constructor(private readonly sqlite: Sqlite) {
    this.insert = sqlite.query(insert);
    this.change = sqlite.query(update);
    this.byId = sqlite.query<BotRow>('SELECT * FROM bots WHERE app_id = @appId');
    this.after = sqlite.query<BotRow>(page);
    this.drop = sqlite.query('DELETE FROM bots WHERE app_id = @appId');
  }

  create(bot: Bot): Promise<void> {
    return this.sqlite.write(() => {
      if (this.insert.run(fieldsOf(bot)).changes === 1) return;
      throw new HubError('bot_exists', `There is a bot with the APP_ID ${bot.appId} already; choose another.`);
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

  delete(appId: string): Promise<boolean> {
    return this.sqlite.write(() => this.drop.run({ appId }).changes === 1);
  }

  private find(appId: string): Bot | null {
    const row = this.byId.get({ appId });
    return row ? botOf(row) : null;
  }
}

function fieldsOf({ instances, options, ...bot }: Bot) {
  return {
    ...bot,
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
