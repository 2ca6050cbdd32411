/** Small facts about the hub itself. */
import type { Store } from '../../contracts.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import { Lanes } from './lanes.js';

interface SettingDoc extends Stored {
  _id: string;
  value: string;
}
export const settings: Collection<SettingDoc, 'all'> = {
  name: 'settings',
  fields: { _id: 'string', value: 'string' },
  indexes: {},
  questions: { all: { index: 'id', equal: [], sorted: ['_id'] } },
};
const most = 10_000;

/** The settings of one database. */
export function settingsOf(mongo: Mongo): Store['settings'] {
  const table = mongo.table(settings);
  const lanes = new Lanes();
  return {
    get: (name) => mongo.run(async () => (await table.byId(name))?.value ?? null),
    set: (name, value) => mongo.run(() => lanes.run(name, () => table.put({ _id: name, value }))),
    list: () =>
      mongo.run(async () =>
        (await table.find('all', {}, { limit: most })).map(({ _id: name, value }) => ({ name, value })),
      ),
  };
}
