/** What every store must do with users, keys, tickets and the audit log. */
import assert from 'node:assert/strict';
import type { ApiKey, AuditEntry, AuditFilter, Store, Ticket, User } from '../../src/contracts.js';
import { bot, day, nasty, rejects, walk } from './store.js';

export const user = (id: string, more: Partial<User> = {}): User => ({
  id,
  login: `${id}@example.org`,
  name: nasty,
  password: null,
  role: null,
  bots: {},
  active: true,
  createdAt: day(1),
  updatedAt: day(1),
  signedInAt: null,
  ...more,
});
export const apiKey = (id: string, appId: string | null = null): ApiKey => ({
  id,
  name: nasty,
  digest: `digest of ${id}`,
  tail: 'abcd',
  role: 'viewer',
  appId,
  by: 'somebody',
  createdAt: day(1),
  expiresAt: null,
  usedAt: null,
});
const ticket = (digest: string, more: Partial<Ticket> = {}): Ticket => ({
  digest,
  kind: 'session',
  userId: 'u',
  body: { nasty, deep: [1, null] },
  createdAt: day(1),
  expiresAt: day(5),
  ...more,
});
export const entry = (id: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  id,
  at: day(1),
  by: { kind: 'user', id: 'u', name: nasty },
  from: '::1',
  action: 'PATCH /bots/{appId}',
  target: '/api/v1/bots/a',
  appId: 'a',
  status: 200,
  before: { name: nasty },
  after: { name: 'new', deep: [1, null] },
  ...more,
});

export function accessTests(store: () => Store, reopen: () => Promise<void>): void {
  it('keeps users whole, finds them by id and login, and lists them oldest first', async () => {
    const all = ['a', 'b', 'c'].map((id) =>
      user(id, { role: 'editor', bots: { x: 'agent' }, password: '$argon2id$x' }),
    );
    for (const one of all) await store().users.create(one);
    await reopen();
    assert.deepEqual(await store().users.get('b'), all[1]);
    assert.deepEqual(await store().users.byLogin('c@example.org'), all[2]);
    assert.deepEqual([await store().users.get('x'), await store().users.byLogin('a')], [null, null]);
    assert.deepEqual(await walk((page) => store().users.list(page), 2), all);
  });
  it('gives a login to one of two who ask for it at once', async () => {
    const made = await Promise.allSettled(['a', 'b'].map((id) => store().users.create(user(id, { login: 'same' }))));
    assert.deepEqual(made.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    await rejects(store().users.create(user('c', { login: 'same' })), 'user_exists');
    assert.equal((await walk((page) => store().users.list(page), 10)).length, 1);
  });
  it('changes of a user what is named, and loses none of several changes made at once', async () => {
    await store().users.create(user('a'));
    await Promise.all([
      store().users.update('a', { name: 'new' }),
      store().users.setRole('a', 'one', 'editor'),
      store().users.setRole('a', 'two', 'agent'),
    ]);
    const changed = user('a', { name: 'new', bots: { one: 'editor', two: 'agent' } });
    assert.deepEqual(await store().users.get('a'), changed);
    assert.deepEqual(await store().users.setRole('a', 'one', null), { ...changed, bots: { two: 'agent' } });
    assert.deepEqual([await store().users.update('b', {}), await store().users.setRole('b', 'x', null)], [null, null]);
    assert.deepEqual([await store().users.remove('a'), await store().users.remove('a')], [true, false]);
    assert.equal(await store().users.byLogin('a@example.org'), null);
  });
  it('forgets what everybody was on a bot, and nothing else', async () => {
    await store().users.create(user('a', { bots: { x: 'admin', y: 'agent' } }));
    await store().users.create(user('b', { bots: { y: 'agent' } }));
    await store().users.forgetBot('x');
    const bots = await Promise.all(['a', 'b'].map(async (id) => (await store().users.get(id))?.bots));
    assert.deepEqual(bots, [{ y: 'agent' }, { y: 'agent' }]);
  });

  it('keeps API keys, finds them by id and digest, and lists those of a bot and all', async () => {
    await store().bots.create(bot('x'));
    const keys = [apiKey('1'), apiKey('2', 'x'), apiKey('3', 'x')];
    for (const key of keys) await store().apiKeys.add(key);
    await reopen();
    assert.deepEqual(await store().apiKeys.get('2'), keys[1]);
    assert.deepEqual(await store().apiKeys.byDigest('digest of 1'), keys[0]);
    assert.deepEqual([await store().apiKeys.get('x'), await store().apiKeys.byDigest('1')], [null, null]);
    assert.deepEqual(await walk((page) => store().apiKeys.list(page), 2), keys);
    assert.deepEqual(await walk((page) => store().apiKeys.list(page, 'x'), 1), keys.slice(1));
    const changed = { ...apiKey('1'), usedAt: day(2), expiresAt: day(3) };
    assert.deepEqual(await store().apiKeys.update('1', { usedAt: day(2), expiresAt: day(3) }), changed);
    assert.deepEqual(await store().apiKeys.byDigest('digest of 1'), changed);
    assert.equal(await store().apiKeys.update('x', {}), null);
    assert.deepEqual([await store().apiKeys.remove('1'), await store().apiKeys.remove('1')], [true, false]);
    assert.equal(await store().apiKeys.byDigest('digest of 1'), null);
  });
  it('lets keys of a bot go with it, and takes none of a bot that is not there', async () => {
    await rejects(store().apiKeys.add(apiKey('0', 'x')), 'not_found');
    await store().bots.create(bot('x'));
    await store().apiKeys.add(apiKey('1', 'x'));
    await store().apiKeys.add(apiKey('2'));
    await store().bots.delete('x');
    await store().bots.create(bot('x'));
    assert.deepEqual(await store().apiKeys.byDigest('digest of 1'), null);
    assert.deepEqual((await store().apiKeys.list({ limit: 9 })).items, [apiKey('2')]);
  });

  it('answers a ticket as it was added, and gives it to one of many who take it', async () => {
    await store().tickets.add(ticket('d'));
    await store().tickets.add(ticket('e', { kind: 'invitation', userId: null }));
    await reopen();
    assert.deepEqual(await store().tickets.get('d'), ticket('d'));
    assert.equal(await store().tickets.rewrite('e', { new: nasty }), true);
    assert.equal(await store().tickets.rewrite('f', {}), false);
    const taken = await Promise.all([1, 2, 3, 4, 5].map(() => store().tickets.take('e')));
    const got = taken.filter((one) => one !== null);
    assert.deepEqual(got, [ticket('e', { kind: 'invitation', userId: null, body: { new: nasty } })]);
    assert.deepEqual([await store().tickets.get('e'), await store().tickets.take('f')], [null, null]);
  });
  it('removes the tickets of one user but for one, and those whose time is over', async () => {
    for (const digest of ['1', '2', '3']) await store().tickets.add(ticket(digest));
    await store().tickets.add(ticket('other', { userId: 'v' }));
    await store().tickets.add(ticket('old', { userId: null, expiresAt: day(2) }));
    assert.equal(await store().tickets.removeOf('u', '2'), 2);
    assert.equal(await store().tickets.expire(day(3)), 1);
    const left = await Promise.all(['1', '2', '3', 'other', 'old'].map((digest) => store().tickets.get(digest)));
    assert.deepEqual(left, [null, ticket('2'), null, ticket('other', { userId: 'v' }), null]);
    assert.equal(await store().tickets.removeOf('u'), 1);
  });

  it('lists the audit log newest first by bot, by who did it and by time, in pages', async () => {
    const somebody = { kind: 'key', id: 'k', name: 'a key' } as const;
    const entries = [
      entry('1'),
      entry('2', { at: day(2), appId: null, by: somebody, before: null, after: null }),
      entry('3', { at: day(2), appId: 'b' }),
      entry('4', { at: day(3), by: somebody }),
    ];
    for (const one of entries) await store().audit.add(one);
    await reopen();
    const ids = async (filter: AuditFilter): Promise<string> =>
      (await walk((page) => store().audit.list(page, filter), 1)).map(({ id }) => id).join('');
    assert.deepEqual(await walk((page) => store().audit.list(page, {}), 3), [...entries].reverse());
    assert.equal(await ids({ appId: 'a' }), '41');
    assert.equal(await ids({ by: 'k' }), '42');
    assert.equal(await ids({ appId: 'a', by: 'k' }), '4');
    assert.equal(await ids({ from: day(2) }), '432');
    assert.equal(await ids({ to: day(2) }), '321');
    assert.equal(await ids({ from: day(2), to: day(2), by: 'u' }), '3');
    assert.equal(await ids({ appId: 'nobody' }), '');
  });
}
