import assert from 'node:assert/strict';
import type { AuditEntry } from '../src/contracts.js';
import { difference } from '../src/http/audit.js';
import { newHub, type TestHub } from './support/hub.js';

describe('The audit log', () => {
  let hub: TestHub;
  let appId: string;
  before(async () => {
    hub = await newHub();
    appId = (await hub.api('POST', '/bots', { name: '=HYPERLINK("x")' })).body.appId as string;
  });
  after(() => hub.stop());
  const entries = async (query = ''): Promise<AuditEntry[]> =>
    (await hub.api('GET', `/audit?limit=500${query}`)).body.items as AuditEntry[];
  const newest = async (): Promise<AuditEntry> => (await entries())[0]!;

  it('says who changed what on which bot, from where, and how it was before', async () => {
    await hub.api('PATCH', `/bots/${appId}`, { threshold: 0.5 });
    const { id: _, at, before, after, ...rest } = await newest();
    assert.ok(Math.abs(Date.now() - Date.parse(at)) < 60_000);
    assert.deepEqual(rest, {
      by: { kind: 'token', id: 'token', name: 'admin' },
      from: '127.0.0.1',
      action: 'PATCH /api/v1/bots/{appId}',
      target: `/api/v1/bots/${appId}`,
      appId,
      status: 200,
    });
    assert.equal((before as { threshold: unknown }).threshold, null);
    assert.equal((after as { threshold: unknown }).threshold, 0.5);
    assert.deepEqual(Object.keys(after as object).sort(), ['threshold', 'updatedAt']);
  });

  it('has what was refused or failed, sign-ins, and nothing that only reads or talks', async () => {
    const count = (await entries()).length;
    await hub.api('GET', `/bots/${appId}/faq`);
    await hub.api('POST', `/bots/${appId}/parse`, { text: 'x' });
    assert.equal((await entries()).length, count);
    assert.equal((await hub.api('POST', `/bots/${appId}/rollback`)).status, 409);
    assert.deepEqual([(await newest()).status, (await newest()).after], [409, null]);
    await hub.api('POST', '/session', { login: 'nobody@example.org', password: 'guess-it' }, { authorization: '' });
    const failed = await newest();
    assert.deepEqual([failed.action, failed.status, failed.by.kind], ['POST /api/v1/session', 401, 'nobody']);
    assert.ok(!JSON.stringify(failed).includes('guess-it'));
  });

  it('holds no secret: no key, no link, no password, no secret of a channel', async () => {
    const key = (await hub.api('POST', `/bots/${appId}/api-keys`, { name: 'k', role: 'admin' })).body as {
      id: string;
      key: string;
    };
    const link = (await hub.api('POST', '/users/invitations', { login: 'a@example.org' })).body as { url: string };
    const secret = 'a-signing-secret-that-nobody-reads';
    await hub.api('PUT', `/bots/${appId}/channels/slack`, { botToken: 'xoxb-canary-canary', signingSecret: secret });
    await hub.api('DELETE', `/api-keys/${key.id}`);
    const all = await entries();
    assert.equal(all[0]?.appId, appId, 'also of what is gone');
    const text = JSON.stringify(all);
    for (const canary of [key.key, link.url.split('#')[1]!, secret, 'xoxb-canary-canary'])
      assert.ok(!text.includes(canary));
    assert.match(text, /"key":"\[secret\]"/);
  });

  it('is read by the admins of a bot for that bot, page by page, and by its filters', async () => {
    const { key } = (await hub.api('POST', `/bots/${appId}/api-keys`, { name: 'boss', role: 'admin' })).body as {
      key: string;
    };
    const as = (path: string) => hub.api('GET', path, undefined, { authorization: `Bearer ${key}` });
    assert.equal((await as('/audit')).status, 404);
    const { items } = (await as(`/audit?appId=${appId}`)).body as { items: AuditEntry[] };
    assert.ok(items.length > 3 && items.every((entry) => entry.appId === appId));
    const paged: AuditEntry[] = [];
    for (let next: string | null = ''; next !== null;) {
      const page = (await as(`/audit?appId=${appId}&limit=2${next && `&cursor=${next}`}`)).body as {
        items: AuditEntry[];
        next: string | null;
      };
      paged.push(...page.items);
      next = page.next;
    }
    assert.deepEqual(paged, items);
    assert.deepEqual(await entries(`&from=${new Date(Date.now() + 60_000).toISOString()}`), []);
    assert.deepEqual(await entries('&by=nobody-else'), []);
    assert.equal((await hub.api('GET', '/audit?from=yesterday')).status, 422);
  });

  it('goes out as lines of JSON, and as CSV that no spreadsheet takes for formulas', async () => {
    const lines = (
      await (
        await fetch(`${hub.url}/api/v1/audit/export?format=jsonl`, {
          headers: { authorization: `Bearer ${hub.app.adminToken}` },
        })
      ).text()
    )
      .trim()
      .split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      await entries(),
    );
    const { key } = (await hub.api('POST', '/api-keys', { name: '=1+1', role: 'admin' })).body as { key: string };
    await hub.api('PATCH', `/bots/${appId}`, { name: 'new' }, { authorization: `Bearer ${key}` });
    const csv = (await hub.api('GET', '/audit/export')).body as string;
    assert.match(csv, /^at,by,byId,/);
    assert.match(csv, /"'=1\+1"/);
    assert.doesNotMatch(csv, /(?:^|,)"=/m);
  });

  it('believes as many proxies about who called as stand in front, and nobody else', async () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.66, 203.0.113.7' };
    await hub.api('PATCH', `/bots/${appId}`, { name: 'a' }, forwarded);
    assert.equal((await newest()).from, '127.0.0.1');
    const behind = await newHub({ env: { TRUST_PROXY: '1' } });
    try {
      await behind.api('POST', '/bots', { name: 'x' }, forwarded);
      assert.equal((await behind.api('GET', '/audit')).body.items[0].from, '203.0.113.7');
    } finally {
      await behind.stop();
    }
  });

  it('keeps the digest of what is long, and the fields that differ', () => {
    const { before, after } = difference({ a: 1, b: 'x'.repeat(5000), c: 3 }, { a: 1, b: 'y', d: { password: 'p' } });
    assert.deepEqual(Object.keys(before as object), ['b', 'c']);
    assert.equal((before as { b: { length: number } }).b.length, 5002);
    assert.deepEqual(after, { b: 'y', d: { password: '[secret]' } });
    assert.deepEqual(difference(null, { a: 1 }), { before: null, after: { a: 1 } });
  });
});
