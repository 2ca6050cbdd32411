/** Models: the versions of a bot. Their files lie on the shelf. */
import type { Listed, Model, ModelFacts, ModelStore, Page } from '../../contracts.js';
import type { Sqlite } from './database.js';
import { Pager, last } from '../page.js';

interface ModelRow {
  seq: number;
  app_id: string;
  id: string;
  job_id: string;
  engine: Model['engine'];
  pipeline: Model['pipeline'];
  archive: string | null;
  content: string;
  bytes: number;
  train_seconds: number;
  created_at: string;
  about: string | null;
}

const insert = `
  INSERT INTO models (app_id, id, job_id, engine, pipeline, archive, content, bytes, train_seconds, created_at, about)
  VALUES (@appId, @id, @jobId, @engine, @pipeline, @archive, @content, @bytes, @trainSeconds, @createdAt, @about)`;
const page = `
  SELECT * FROM models WHERE app_id = @appId AND (created_at, seq) < (@at, @seq) ORDER BY created_at DESC, seq DESC LIMIT @fetch`;
const named = `
  SELECT EXISTS (SELECT 1 FROM models WHERE archive = @digest) OR EXISTS (SELECT 1 FROM models WHERE content = @digest)
    OR EXISTS (SELECT 1 FROM jobs WHERE content = @digest) AS named`;

/** The models of one SQLite file. */
export class SqliteModels implements ModelStore {
  private readonly insert;
  private readonly byId;
  private readonly before;
  private readonly drop;
  private readonly write;
  private readonly named;
  private readonly pager = new Pager<ModelRow>('models', last, (row) => [row.created_at, row.seq]);

  constructor(private readonly sqlite: Sqlite) {
    this.insert = sqlite.query(insert);
    this.byId = sqlite.query<ModelRow>('SELECT * FROM models WHERE app_id = @appId AND id = @id');
    this.before = sqlite.query<ModelRow>(page);
    this.drop = sqlite.query('DELETE FROM models WHERE app_id = @appId AND id = @id');
    this.write = sqlite.query('UPDATE models SET about = @about WHERE app_id = @appId AND id = @id');
    this.named = sqlite.query<{ named: number }>(named);
  }

  add(model: Model): Promise<void> {
    const about = model.about ? JSON.stringify(model.about) : null;
    return this.sqlite.write(() => void this.insert.run({ ...model, about }));
  }

  get(appId: string, id: string): Promise<Model | null> {
    return this.sqlite.read(() => {
      const row = this.byId.get({ appId, id });
      return row ? modelOf(row) : null;
    });
  }

  list(appId: string, page: Page): Promise<Listed<Model>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, this.before.all({ appId, at: key[0] ?? '', seq: key[1] ?? 0, fetch }), modelOf);
    });
  }

  remove(appId: string, id: string): Promise<boolean> {
    return this.sqlite.write(() => this.drop.run({ appId, id }).changes === 1);
  }

  note(appId: string, id: string, about: ModelFacts): Promise<Model | null> {
    return this.sqlite.write(() => {
      this.write.run({ appId, id, about: JSON.stringify(about) });
      const row = this.byId.get({ appId, id });
      return row ? modelOf(row) : null;
    });
  }

  references(digest: string): Promise<boolean> {
    return this.sqlite.read(() => this.named.one({ digest }).named === 1);
  }
}

function modelOf(row: ModelRow): Model {
  return {
    id: row.id,
    appId: row.app_id,
    jobId: row.job_id,
    engine: row.engine,
    pipeline: row.pipeline,
    archive: row.archive,
    content: row.content,
    bytes: row.bytes,
    trainSeconds: row.train_seconds,
    createdAt: row.created_at,
    ...(row.about === null ? {} : { about: JSON.parse(row.about) as ModelFacts }),
  };
}
