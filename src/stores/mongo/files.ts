/** The project files of bots whose pipeline is their own: one document a bot lists them, so that a write is whole. */
import type { FileStore, ProjectFile } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { MongoBots } from './bots.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import { Lanes } from './lanes.js';
import type { Table } from './table.js';
import type { Texts } from './texts.js';

interface Listed {
  path: string;
  pieces: number[];
}
interface FilesDoc extends Stored {
  /** The APP_ID. */
  _id: string;
  files: Listed[];
}
export const files: Collection<FilesDoc> = {
  name: 'files',
  fields: { _id: 'string', files: 'list' },
  indexes: {},
  questions: {},
};

/** The project files of one database, ordered by path. */
export class MongoFiles implements FileStore {
  private readonly table: Table<FilesDoc>;
  private readonly lanes = new Lanes();

  constructor(
    private readonly mongo: Mongo,
    private readonly bots: MongoBots,
    private readonly texts: Texts,
  ) {
    this.table = mongo.table(files);
    bots.onDelete((appId) => this.table.removeOne(appId));
    bots.onCreate((appId, made) => this.put(appId, made, {}));
  }

  list(appId: string): Promise<string[]> {
    return this.mongo.run(async () => ((await this.table.byId(appId))?.files ?? []).map(({ path }) => path));
  }

  read(appId: string): Promise<ProjectFile[]> {
    return this.mongo.run(
      async () => {
        for (;;) {
          const listed = (await this.table.byId(appId))?.files ?? [];
          const read = await this.contents(listed);
          if (read) return read;
        }
      },
      { unhurried: true },
    );
  }

  write(appId: string, written: ProjectFile[], options: { replace?: boolean } = {}): Promise<void> {
    return this.mongo.run(
      () => this.lanes.run(appId, () => this.bots.within(appId, () => this.put(appId, written, options))),
      { unhurried: true },
    );
  }

  remove(appId: string, path: string): Promise<boolean> {
    return this.mongo.run(() =>
      this.lanes.run(appId, async () => {
        const present = (await this.table.byId(appId))?.files ?? [];
        if (!present.some((file) => file.path === path)) return false;
        await this.bots.within(appId, () => this.change(appId, (all) => all.filter((file) => file.path !== path)));
        return true;
      }),
    );
  }

  private async put(
    appId: string,
    written: readonly ProjectFile[],
    { replace = false }: { replace?: boolean },
  ): Promise<void> {
    if (!written.every(({ path, content }) => typeof path === 'string' && typeof content === 'string')) {
      throw new HubError('invalid', 'A project file needs a path and a text.');
    }
    const added: Listed[] = [];
    for (const { path, content } of written) {
      added.push({ path, pieces: await this.texts.add({ appId, part: 'files' }, content) });
    }
    await this.change(appId, (present) => [...(replace ? [] : present), ...added]);
  }

  /** Replaces the list; of two files with one path the later counts. */
  private async change(appId: string, listed: (present: Listed[]) => Listed[]): Promise<void> {
    await this.table.insert({ _id: appId, files: [] });
    const kept = await this.table.change(appId, (document) => {
      const byPath = new Map(listed(document.files).map((file) => [file.path, file]));
      const sorted = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
      return { set: { files: sorted }, answer: { now: sorted, before: document.files } };
    });
    const piecesOf = (listing: Listed[] = []): number[] => listing.flatMap(({ pieces }) => pieces);
    const pieces = { before: piecesOf(kept?.before), now: piecesOf(kept?.now) };
    await this.texts.keep({ appId, part: 'files' }, pieces);
  }

  private async contents(listed: Listed[]): Promise<ProjectFile[] | null> {
    const read: ProjectFile[] = [];
    for (const { path, pieces } of listed) {
      const content = await this.texts.read(pieces);
      if (content === null) return null;
      read.push({ path, content });
    }
    return read;
  }
}
