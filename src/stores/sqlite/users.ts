/** Who signs in, each as one JSON text beside what it is found by. */
import type { Listed, Page, Role, User, UserStore } from '../../contracts.js';
import { HubError } from '../../errors.js';
import { Pager } from '../page.js';
import { withRole } from '../roles.js';
import type { Sqlite } from './database.js';

interface Row {
  seq: number;
  body: string;
}

/** The users of one SQLite file. */
export class SqliteUsers implements UserStore {
  private readonly insert;
  private readonly byId;
  private readonly named;
  private readonly after;
  private readonly write;
  private readonly drop;
  private readonly pager = new Pager<Row>('users', [0], (row) => [row.seq]);

  constructor(private readonly sqlite: Sqlite) {
    this.insert = sqlite.query(
      'INSERT INTO users (id, login, body) VALUES (@id, @login, @body) ON CONFLICT (login) DO NOTHING',
    );
    this.byId = sqlite.query<Row>('SELECT seq, body FROM users WHERE id = @id');
    this.named = sqlite.query<Row>('SELECT seq, body FROM users WHERE login = @login');
    this.after = sqlite.query<Row>('SELECT seq, body FROM users WHERE seq > @seq ORDER BY seq LIMIT @fetch');
    this.write = sqlite.query('UPDATE users SET body = @body WHERE id = @id');
    this.drop = sqlite.query('DELETE FROM users WHERE id = @id');
  }

  create(user: User): Promise<void> {
    return this.sqlite.write(() => {
      if (this.insert.run({ id: user.id, login: user.login, body: JSON.stringify(user) }).changes === 1) return;
      throw new HubError('user_exists', `There is a user ${user.login} already.`);
    });
  }

  get(id: string): Promise<User | null> {
    return this.sqlite.read(() => this.find(id));
  }

  byLogin(login: string): Promise<User | null> {
    return this.sqlite.read(() => {
      const row = this.named.get({ login });
      return row ? userOf(row) : null;
    });
  }

  list(page: Page): Promise<Listed<User>> {
    return this.sqlite.read(() => {
      const { key, fetch } = this.pager.where(page);
      return this.pager.page(page, this.after.all({ seq: key[0] ?? 0, fetch }), userOf);
    });
  }

  update(id: string, change: Partial<Omit<User, 'id' | 'login' | 'createdAt'>>): Promise<User | null> {
    return this.sqlite.write(() => {
      const user = this.find(id);
      return user ? this.put({ ...user, ...change }) : null;
    });
  }

  setRole(id: string, appId: string, role: Role | null): Promise<User | null> {
    return this.sqlite.write(() => {
      const user = this.find(id);
      return user ? this.put(withRole(user, appId, role)) : null;
    });
  }

  forgetBot(appId: string): Promise<void> {
    return this.sqlite.write(() => {
      let seq = 0;
      for (
        let rows = this.after.all({ seq, fetch: 500 });
        rows.length > 0;
        rows = this.after.all({ seq, fetch: 500 })
      ) {
        for (const row of rows) {
          if (Object.hasOwn(userOf(row).bots, appId)) this.put(withRole(userOf(row), appId, null));
        }
        seq = rows.at(-1)?.seq ?? seq;
      }
    });
  }

  remove(id: string): Promise<boolean> {
    return this.sqlite.write(() => this.drop.run({ id }).changes === 1);
  }

  private find(id: string): User | null {
    const row = this.byId.get({ id });
    return row ? userOf(row) : null;
  }

  private put(user: User): User {
    this.write.run({ id: user.id, body: JSON.stringify(user) });
    return user;
  }
}

const userOf = ({ body }: Row): User => JSON.parse(body) as User;
