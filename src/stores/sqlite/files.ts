/** The project files of bots whose pipeline is their own. */
import type { FileStore, ProjectFile } from '../../contracts.js';
import type { Sqlite } from './database.js';

const put = `
  INSERT INTO files (app_id, path, content) VALUES (@appId, @path, @content)
  ON CONFLICT (app_id, path) DO UPDATE SET content = excluded.content`;

/** The project files of one SQLite file, ordered by path. */
export class SqliteFiles implements FileStore {
  private readonly paths;
  private readonly whole;
  private readonly insert;
  private readonly drop;
  private readonly dropAll;

  constructor(private readonly sqlite: Sqlite) {
    this.paths = sqlite.query<{ path: string }>('SELECT path FROM files WHERE app_id = @appId ORDER BY path');
    this.whole = sqlite.query<ProjectFile>('SELECT path, content FROM files WHERE app_id = @appId ORDER BY path');
    this.insert = sqlite.query(put);
    this.drop = sqlite.query('DELETE FROM files WHERE app_id = @appId AND path = @path');
    this.dropAll = sqlite.query('DELETE FROM files WHERE app_id = @appId');
  }

  list(appId: string): Promise<string[]> {
    return this.sqlite.read(() => this.paths.all({ appId }).map((row) => row.path));
  }

  read(appId: string): Promise<ProjectFile[]> {
    return this.sqlite.read(() => this.whole.all({ appId }));
  }

  write(appId: string, files: ProjectFile[], options: { replace?: boolean } = {}): Promise<void> {
    return this.sqlite.write(() => {
      if (options.replace) this.dropAll.run({ appId });
      this.put(appId, files);
    });
  }

  /** Within a transaction of its caller. */
  put(appId: string, files: readonly ProjectFile[]): void {
    for (const { path, content } of files) this.insert.run({ appId, path, content });
  }

  remove(appId: string, path: string): Promise<boolean> {
    return this.sqlite.write(() => this.drop.run({ appId, path }).changes === 1);
  }
}
