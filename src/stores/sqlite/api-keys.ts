/** Keys of programs, each as one JSON text beside what it is found by. */
import type { ApiKey, ApiKeyStore, Listed, Page } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { Pager } from '../page.js';
import type { Sqlite } from './database.js';

interface Row {
  seq: number;
  body: string;
}
const insert = `
  INSERT INTO api_keys (id, digest, app_id, body)
  SELECT @id, @digest, @appId, @body WHERE @appId IS NULL OR EXISTS (SELECT 1 FROM bots WHERE app_id = @appId AND deleting = 0)`;

/** The keys of one SQLite file. */
export class SqliteApiKeys implements ApiKeyStore {
  private readonly insert;
  private readonly byId;
  private readonly found;
  private readonly all;
  private readonly ofBot;
  private readonly write;
  private readonly drop;
  private readonly pager = new Pager<Row>('keys', [0], (row) => [row.seq]);

  constructor(private readonly sqlite: Sqlite) {
    this.insert = sqlite.query(insert);
    this.byId = sqlite.query<Row>('SELECT seq, body FROM api_keys WHERE id = @id');
    this.found = sqlite.query<Row>('SELECT seq, body FROM api_keys WHERE digest = @digest');
    this.all = sqlite.query<Row>('SELECT seq, body FROM api_keys WHERE seq > @seq ORDER BY seq LIMIT @fetch');
    this.ofBot = sqlite.query<Row>(
      'SELECT seq, body FROM api_keys WHERE app_id = @appId AND seq > @seq ORDER BY seq LIMIT @fetch',
    );
    this.write = sqlite.query('UPDATE api_keys SET body = @body WHERE id = @id');
    this.drop = sqlite.query('DELETE FROM api_keys WHERE id = @id');
  }

  add(key: ApiKey): Promise<void> {
    const { id, digest, appId } = key;
    return this.sqlite.write(() => {
      if (this.insert.run({ id, digest, appId, body: JSON.stringify(key) }).changes === 1) return;
      throw new HubError('not_found', `There is no bot ${appId ?? ''}.`);
    });
  }

  get(id: string): Promise<ApiKey | null> {
    return this.sqlite.read(() => this.find(id));
  }

  byDigest(digest: string): Promise<ApiKey | null> {
    return this.sqlite.read(() => {
      const row = this.found.get({ digest });
      return row ? keyOf(row) : null;
    });
  }

  list(page: Page, appId?: string): Promise<Listed<ApiKey>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      const seq = key[0] ?? 0;
      const rows = appId === undefined ? this.all.all({ seq, fetch }) : this.ofBot.all({ appId, seq, fetch });
      return this.pager.page(page, rows, keyOf);
    });
  }

  update(id: string, change: Partial<Pick<ApiKey, 'name' | 'expiresAt' | 'usedAt'>>): Promise<ApiKey | null> {
    return this.sqlite.write(() => {
      const key = this.find(id);
      if (!key) return null;
      const changed = { ...key, ...change };
      this.write.run({ id, body: JSON.stringify(changed) });
      return changed;
    });
  }

  remove(id: string): Promise<boolean> {
    return this.sqlite.write(() => this.drop.run({ id }).changes === 1);
  }

  private find(id: string): ApiKey | null {
    const row = this.byId.get({ id });
    return row ? keyOf(row) : null;
  }
}

const keyOf = ({ body }: Row): ApiKey => JSON.parse(body) as ApiKey;
