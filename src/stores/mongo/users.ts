/** Who signs in, each as one JSON text beside what it is found by. */
import type { Listed, Page, Role, User, UserStore } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { Pager } from '../page.js';
import { withRole } from '../roles.js';
import type { Mongo } from './database.js';
import type { Collection, Stored } from './declare.js';
import type { Numbers } from './facts.js';
import type { Table } from './table.js';

interface UserDoc extends Stored {
  _id: number;
  id: string;
  login: string;
  body: string;
}
type Questions = 'byId' | 'byLogin' | 'all';
export const users: Collection<UserDoc, Questions> = {
  name: 'users',
  fields: { _id: 'number', id: 'string', login: 'string', body: 'string' },
  indexes: { by_id: { keys: ['id'], unique: true }, by_login: { keys: ['login'], unique: true } },
  questions: {
    byId: { index: 'by_id', equal: ['id'] },
    byLogin: { index: 'by_login', equal: ['login'] },
    all: { index: 'id', equal: [], sorted: ['_id'] },
  },
};
const portion = 500;

/** The users of one database. */
export class MongoUsers implements UserStore {
  private readonly table: Table<UserDoc, Questions>;
  private readonly pager = new Pager<UserDoc>('users', [0], (user) => [user._id]);

  constructor(
    private readonly mongo: Mongo,
    private readonly numbers: Numbers,
  ) {
    this.table = mongo.table(users);
  }

  create(user: User): Promise<void> {
    const { id, login } = user;
    return this.mongo.run(async () => {
      const document = { _id: await this.numbers.next(), id, login, body: JSON.stringify(user) };
      if (await this.table.insert(document)) return;
      throw new HubError('user_exists', `There is a user ${login} already.`);
    });
  }

  get(id: string): Promise<User | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { id });
      return document && userOf(document);
    });
  }

  byLogin(login: string): Promise<User | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byLogin', { login });
      return document && userOf(document);
    });
  }

  list(page: Page): Promise<Listed<User>> {
    return this.mongo.run(async () => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, await this.table.find('all', {}, { after: key, limit: fetch }), userOf);
    });
  }

  update(id: string, change: Partial<Omit<User, 'id' | 'login' | 'createdAt'>>): Promise<User | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { id });
      return document ? this.changed(document._id, (user) => ({ ...user, ...change })) : null;
    });
  }

  setRole(id: string, appId: string, role: Role | null): Promise<User | null> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { id });
      return document ? this.changed(document._id, (user) => withRole(user, appId, role)) : null;
    });
  }

  forgetBot(appId: string): Promise<void> {
    return this.mongo.run(
      async () => {
        let after = [0];
        for (let more = true; more;) {
          const found = await this.table.find('all', {}, { after, limit: portion });
          for (const document of found) {
            if (Object.hasOwn(userOf(document).bots, appId))
              await this.changed(document._id, (user) => withRole(user, appId, null));
          }
          after = [found.at(-1)?._id ?? 0];
          more = found.length === portion;
        }
      },
      { unhurried: true },
    );
  }

  remove(id: string): Promise<boolean> {
    return this.mongo.run(async () => {
      const document = await this.table.first('byId', { id });
      return document ? this.table.removeOne(document._id) : false;
    });
  }

  private async changed(id: number, compute: (user: User) => User): Promise<User | null> {
    const answer = await this.table.change(id, (document) => {
      const user = compute(userOf(document));
      return { set: { body: JSON.stringify(user) }, answer: user };
    });
    return answer ?? null;
  }
}

const userOf = ({ body }: UserDoc): User => JSON.parse(body) as User;
