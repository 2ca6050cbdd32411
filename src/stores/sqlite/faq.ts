/** FAQs: all pairs of a bot as one JSON text, so that an answer comes back byte for byte. */
import type { Faq, FaqPair, FaqStore } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Sqlite } from './database.js';

const put = `
  INSERT INTO faq (app_id, version, pairs) VALUES (@appId, @version, @pairs)
  ON CONFLICT (app_id) DO UPDATE SET version = excluded.version, pairs = excluded.pairs`;

/** The FAQs of one SQLite file. */
export class SqliteFaq implements FaqStore {
  private readonly byBot;
  private readonly versionOf;
  private readonly replace;

  constructor(private readonly sqlite: Sqlite) {
    this.byBot = sqlite.query<{ version: number; pairs: string }>(
      'SELECT version, pairs FROM faq WHERE app_id = @appId',
    );
    this.versionOf = sqlite.query<{ version: number }>('SELECT version FROM faq WHERE app_id = @appId');
    this.replace = sqlite.query(put);
  }

  get(appId: string): Promise<Faq> {
    return this.sqlite.read(() => {
      const row = this.byBot.get({ appId });
      return row ? { version: row.version, pairs: JSON.parse(row.pairs) as FaqPair[] } : { version: 0, pairs: [] };
    });
  }

  put(appId: string, pairs: FaqPair[], ifVersion?: number): Promise<number> {
    const json = JSON.stringify(pairs);
    return this.sqlite.write(() => {
      const present = this.versionOf.get({ appId })?.version ?? 0;
      if (ifVersion !== undefined && ifVersion !== present) {
        throw new HubError(
          'version_conflict',
          `The FAQ is at version ${present} by now; load it again and repeat the change.`,
        );
      }
      this.replace.run({ appId, version: present + 1, pairs: json });
      return present + 1;
    });
  }
}
