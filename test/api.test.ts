import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually, newHub, type TestHub } from './support/hub.js';
import { shopFaq } from './support/shop.js';

/** Everything here runs on the lite engine: the routes are the same with Rasa (test/e2e). */
const filesIn = async (dataDir: string): Promise<number> => {
  const entries = await readdir(join(dataDir, 'models'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
};

describe('the admin API', () => {
  let hub: TestHub;
  let appId: string;
  before(async () => {
    hub = await newHub();
    appId = (await hub.api('POST', '/bots', { name: 'Shop' })).body.appId as string;
  });
  after(() => hub.stop());

  const problem = (
    answer: { status: number; headers: Headers; body: unknown },
    status: number,
    code: string,
  ): { detail: string; errors?: { pointer: string; detail: string }[] } => {
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
    const body = answer.body as { status: number; code: string; title: string; detail: string; type: string };
    assert.equal(body.status, status);
    assert.equal(body.code, code);
    assert.ok(body.title && body.detail && body.type);
    return body;
  };

  describe('who may call', () => {
    it('refuses without the admin token, and with a wrong one', async () => {
      problem(await hub.api('GET', '/bots', undefined, { authorization: '' }), 401, 'unauthorized');
      problem(await hub.api('GET', '/bots', undefined, { authorization: 'Bearer wrong' }), 401, 'unauthorized');
      problem(
        await hub.api('GET', '/bots', undefined, { authorization: `Basic ${hub.app.adminToken}` }),
        401,
        'unauthorized',
      );
    });

    it('leaves health, metrics, docs and the chat page open, and every other documented route closed', async () => {
      const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as {
        paths: Record<string, Record<string, { security: unknown[] }>>;
      };
      for (const [path, verbs] of Object.entries(document.paths)) {
        for (const [verb, { security }] of Object.entries(verbs)) {
          const url = hub.url + path.replaceAll(/\{\w+\}/g, 'x');
          const { status } = await fetch(url, {
            method: verb.toUpperCase(),
            ...(['get', 'delete'].includes(verb)
              ? {}
              : { body: '{}', headers: { 'content-type': 'application/json' } }),
          });
          if (security.length > 0) assert.equal(status, 401, `${verb} ${path}`);
          else assert.notEqual(status, 401, `${verb} ${path}`);
        }
      }
      assert.ok(Object.keys(document.paths).length > 25);
    });
  });

  describe('bad input', () => {
    it('broken JSON is 400 and says where', async () => {
      const { detail } = problem(await hub.api('POST', '/bots', '{"name": "x",'), 400, 'bad_json');
      assert.match(detail, /not JSON/);
    });
    it('a body of another type is 415, and names what is read', async () => {
      const { detail } = problem(
        await hub.api('POST', '/bots', 'name=x', { 'content-type': 'application/x-www-form-urlencoded' }),
        415,
        'unsupported_type',
      );
      assert.match(detail, /application\/json/);
    });
    it('an empty FAQ cannot be trained, by body or from the store', async () => {
      problem(await hub.api('POST', `/bots/${appId}/train`, []), 422, 'invalid');
      problem(await hub.api('POST', `/bots/${appId}/train`), 422, 'nothing_to_train');
    });
    it('a body over the limit is 413, and nothing is stored', async () => {
      const huge = JSON.stringify([{ Q: [{ q: 'x' }], A: 'a'.repeat(10_000_000) }]);
      problem(await hub.api('PUT', `/bots/${appId}/faq`, huge), 413, 'too_large');
      problem(await hub.api('POST', '/bots', huge), 413, 'too_large');
      assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq`)).body, []);
    });
    it('an unknown bot is 404 on every route of a bot', async () => {
      const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as {
        paths: Record<string, Record<string, object>>;
      };
      const bodies: Record<string, unknown> = {
        faq: shopFaq,
        pairs: shopFaq[0],
        train: shopFaq,
        evaluate: '"nlu: []"',
        parse: { text: 'x' },
        messages: { sender: 's', message: 'm' },
        '{appId}': { name: 'x' },
        '{pairId}': shopFaq[0],
        '{name}': {},
        '{login}': { role: 'agent' },
        'api-keys': { name: 'x', role: 'agent' },
        subscriptions: { url: 'https://example.org' },
        '{modelId}': { label: null },
        takeover: {},
        try: { texts: ['x'] },
        release: {},
        replies: { text: 'x' },
        review: { review: 'reviewed' },
        tags: { tags: [] },
        assignee: { assignee: null },
        notes: { text: 'x' },
        pair: { Q: [], A: '' },
        answer: { answer: 'x' },
        gate: {},
        'put tests': {},
        'post tests': { conversation: 'c' },
        desk: {},
        retention: { days: null },
      };
      let routes = 0;
      for (const [path, verbs] of Object.entries(document.paths)) {
        if (!path.startsWith('/api/v1/bots/{appId}')) continue;
        for (const verb of Object.keys(verbs)) {
          const last = path.split('/').at(-1) ?? '';
          const given = bodies[`${verb} ${last}`] ?? bodies[last];
          const body = ['put', 'post', 'patch'].includes(verb) ? given : undefined;
          problem(
            await hub.api(verb.toUpperCase(), path.slice(7).replaceAll(/\{\w+\}/g, 'nobody'), body),
            404,
            'not_found',
          );
          routes += 1;
        }
      }
      assert.ok(routes >= 20, `${routes} routes`);
    });
    it('an unknown template is 422 and names those there are', async () => {
      const { detail, errors } = problem(
        await hub.api('POST', '/bots', { name: 'x', template: 'nope' }),
        422,
        'invalid',
      );
      assert.match(detail, /faq-zh/);
      assert.equal(errors?.[0]?.pointer, '/template');
    });
    it('wrong types are 422 with the path of every fault, and nothing is half-written', async () => {
      const body = [
        { Q: [{ q: 'good' }], A: 'good' },
        { Q: [{ q: 'a' }, { q: 7 }], A: '' },
        { Q: [], A: 'x', extra: 1 },
      ];
      const { errors } = problem(await hub.api('PUT', `/bots/${appId}/faq`, body), 422, 'invalid');
      const pointers = errors?.map(({ pointer }) => pointer) ?? [];
      for (const pointer of ['/1/Q/1/q', '/1/A', '/2/Q', '/2'])
        assert.ok(pointers.includes(pointer), `${pointer} in ${pointers.join(' ')}`);
      assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq`)).body, []);
    });
    it('every field of a bot is checked', async () => {
      for (const [body, pointer] of [
        [{}, '/name'],
        [{ name: '' }, '/name'],
        [{ name: 'x', language: 'English!' }, '/language'],
        [{ name: 'x', pipeline: 'magic' }, '/pipeline'],
        [{ name: 'x', options: { pipeline: [{ name: 'DIET' }] } }, '/options/pipeline/0/name'],
        [{ name: 'x', options: { policies: [] } }, '/options/policies'],
        [{ name: 'x', options: { fallback: ' ' } }, '/options/fallback'],
        [{ name: 'x', engine: 'remote' }, '/remoteUrl'],
        [{ name: 'x', remoteUrl: 'http://x' }, '/remoteUrl'],
        [{ name: 'x', engine: 'remote', remoteUrl: 'file:///etc/passwd' }, '/remoteUrl'],
        [{ name: 'x', engine: 'remote', remoteUrl: 'http://169.254.169.254/latest' }, '/remoteUrl'],
        [{ name: 'x', threshold: 2 }, '/threshold'],
        [{ name: 'x\ud800' }, '/name'],
        [[], '/'],
        [null, '/'],
      ] as const) {
        const { errors } = problem(await hub.api('POST', '/bots', body), 422, 'invalid');
        assert.ok(
          errors?.some((fault) => fault.pointer === pointer),
          `${JSON.stringify(body)} -> ${JSON.stringify(errors)}`,
        );
      }
    });
    it('messages and parses are checked too', async () => {
      for (const body of [
        { sender: 's' },
        { sender: 's', message: ' ' },
        { sender: ['s'], message: 'm' },
        { sender: 's', message: 'x'.repeat(8001) },
        { sender: 's', message: 'm', metadata: [] },
      ]) {
        problem(await hub.api('POST', `/bots/${appId}/messages`, body), 422, 'invalid');
      }
      problem(
        await hub.api(
          'POST',
          `/bots/${appId}/messages`,
          '{"sender":"s","message":"m","metadata":{"__proto__":{"polluted":1}}}',
        ),
        422,
        'invalid',
      );
      for (const channel of ['web', 'slack', 'telegram', 'teams']) {
        const body = { sender: `${channel}:someone`, message: 'm' };
        problem(await hub.api('POST', `/bots/${appId}/messages`, body), 422, 'invalid');
      }
      problem(await hub.api('POST', `/bots/${appId}/parse`, { text: { $ne: null } }), 422, 'invalid');
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    });
    it('a page that does not exist is 404 in words, a wrong method 405', async () => {
      problem(await hub.api('GET', '/nothing'), 404, 'not_found');
      problem(await hub.api('PATCH', `/bots/${appId}/faq`), 405, 'method_not_allowed');
      for (const path of ['/widget/..%2f..%2fpackage.json', '/widget/%2e%2e/main.js', '/bots/demo%00/chat']) {
        assert.equal((await fetch(hub.url + path)).status, 404, path);
      }
    });
    it('a request that breaks off in the middle harms nobody', async () => {
      const { hostname, port } = new URL(hub.url);
      const socket = connect(Number(port), hostname);
      socket.write(
        `PUT /api/v1/bots/${appId}/faq HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${hub.app.adminToken}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n[{"Q"`,
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
      assert.equal((await fetch(`${hub.url}/health/ready`)).status, 200);
      assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq`)).body, []);
    });
  });

  describe('an FAQ', () => {
    it('comes back byte for byte, whatever is in it', async () => {
      const nasty = [
        '"quotes" \'and\' {slot} ${HOME}',
        '/restart',
        'a\n\nb\r\n\tc ',
        '你好 🙂',
        '[text](entity)',
        '\u2028 %s \\',
        'null',
      ];
      const faq = nasty.map((text, i) => ({ Q: [{ q: `${text} ${String(i)}` }], A: text }));
      assert.equal((await hub.api('PUT', `/bots/${appId}/faq`, faq)).status, 200);
      assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq`)).body, faq);
    });
    it('is guarded by its ETag', async () => {
      const first = await hub.api('GET', `/bots/${appId}/faq`);
      const etag = first.headers.get('etag') ?? '';
      const put = await hub.api('PUT', `/bots/${appId}/faq`, shopFaq, { 'if-match': etag });
      assert.equal(put.status, 200);
      assert.deepEqual(put.body, { pairs: 20, questions: shopFaq.reduce((n, pair) => n + pair.Q.length, 0) });
      assert.notEqual(put.headers.get('etag'), etag);
      problem(await hub.api('PUT', `/bots/${appId}/faq`, [], { 'if-match': etag }), 412, 'version_conflict');
      problem(await hub.api('PUT', `/bots/${appId}/faq`, [], { 'if-match': 'nonsense' }), 412, 'version_conflict');
      assert.equal((await hub.api('GET', `/bots/${appId}/faq`)).body.length, 20);
    });
    it('can be changed pair by pair, and pairs keep their ids when the whole is sent again', async () => {
      const before = (await hub.api('GET', `/bots/${appId}/faq/pairs`)).body.items as { id: string }[];
      await hub.api('PUT', `/bots/${appId}/faq`, shopFaq);
      assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq/pairs`)).body.items, before);
      const added = await hub.api('POST', `/bots/${appId}/faq/pairs`, {
        Q: [{ q: 'new?' }],
        A: { text: 'yes', buttons: [{ title: 'More', payload: '/more' }] },
      });
      assert.equal(added.status, 201);
      const id = added.body.id as string;
      assert.equal(
        (await hub.api('PUT', `/bots/${appId}/faq/pairs/${id}`, { Q: [{ q: 'newer?' }], A: 'sure' })).body.id,
        id,
      );
      assert.equal((await hub.api('DELETE', `/bots/${appId}/faq/pairs/${id}`)).status, 204);
      problem(await hub.api('DELETE', `/bots/${appId}/faq/pairs/${id}`), 404, 'not_found');
      assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq`)).body, shopFaq);
    });
    it('keeps the language of a pair until another is given, also from who knows of none', async () => {
      const path = `/bots/${appId}/faq`;
      const pair = { Q: [{ q: '几点开门？' }], A: '九点。' };
      const { id } = (await hub.api('POST', `${path}/pairs`, { ...pair, language: 'zh' })).body as { id: string };
      const stored = async () =>
        ((await hub.api('GET', path)).body as { A: unknown; language?: string }[]).map(({ A, language }) => [
          A,
          language,
        ]);
      await hub.api('PUT', `${path}/pairs/${id}`, { ...pair, A: '八点。' });
      assert.deepEqual((await stored()).at(-1), ['八点。', 'zh']);
      await hub.api('PUT', path, [{ ...pair, A: '七点。' }]);
      assert.deepEqual(await stored(), [['七点。', 'zh']]);
      await hub.api('PUT', path, [{ ...pair, language: 'en' }]);
      assert.deepEqual(await stored(), [['九点。', 'en']]);
      problem(await hub.api('PUT', path, [{ ...pair, language: 'not one' }]), 422, 'invalid');
      await hub.api('PUT', path, shopFaq);
    });
    it('loses no pair when many are added at once', async () => {
      const pairs = Array.from({ length: 8 }, (_, i) => ({ Q: [{ q: `parallel ${String(i)}` }], A: String(i) }));
      const answers = await Promise.all(pairs.map((pair) => hub.api('POST', `/bots/${appId}/faq/pairs`, pair)));
      assert.ok(answers.every(({ status }) => status === 201));
      assert.equal((await hub.api('GET', `/bots/${appId}/faq`)).body.length, 28);
      await hub.api('PUT', `/bots/${appId}/faq`, shopFaq);
    });
  });

  describe('training and talking without Rasa', () => {
    it('trains, answers, says how sure it is and that it is the lite engine', async () => {
      const job = await hub.api('POST', `/bots/${appId}/train?wait=true`);
      assert.equal(job.body.state, 'done', JSON.stringify(job.body));
      const reply = await hub.api('POST', `/bots/${appId}/messages`, {
        sender: 'u1',
        message: 'how do I reset the password?',
      });
      assert.deepEqual(reply.body, [
        { recipient_id: 'u1', text: 'Reset it under "Forgot password".', metadata: { engine: 'lite' } },
      ]);
      assert.equal(reply.headers.get('x-switchboard-engine'), 'lite');
      const parse = await hub.api('POST', `/bots/${appId}/parse`, { text: 'how do I reset the password?' });
      assert.equal(parse.body.intent.name, 'faq');
      assert.ok(parse.body.intent.confidence > 0.5 && parse.body.intent.confidence <= 1);
      const bot = (await hub.api('GET', `/bots/${appId}`)).body;
      assert.equal(bot.engineInUse, 'lite');
      assert.equal(bot.state, 'awake');
    });
    it('admits what it does not know, and knows how to greet', async () => {
      const foreign = await hub.api('POST', `/bots/${appId}/parse`, { text: 'who won the football cup in 1974?' });
      assert.equal(foreign.body.intent.name, 'nlu_fallback');
      const hello = await hub.api('POST', `/bots/${appId}/parse`, { text: 'hello' });
      assert.equal(hello.body.intent.name, 'chitchat');
    });
    it('answers in Chinese', async () => {
      const zh = (await hub.api('POST', '/bots', { name: '商店', language: 'zh' })).body.appId as string;
      const faq = [
        { Q: [{ q: '你们几点开门？' }, { q: '营业时间是什么时候' }], A: '九点开门。' },
        { Q: [{ q: '怎么退货' }, { q: '我想退掉这件商品' }], A: '三十天内可以退货。' },
      ];
      assert.equal((await hub.api('POST', `/bots/${zh}/train?wait=true`, faq)).body.state, 'done');
      assert.deepEqual((await hub.api('GET', `/bots/${zh}/faq`)).body, faq, 'the payload became the FAQ');
      assert.equal(
        (await hub.api('POST', `/bots/${zh}/messages`, { sender: 'u', message: '请问营业时间？' })).body[0].text,
        '九点开门。',
      );
      assert.equal(
        (await hub.api('POST', `/bots/${zh}/messages`, { sender: 'u', message: '商品可以退货吗' })).body[0].text,
        '三十天内可以退货。',
      );
    });
    it('streams the events of a job and ends with it', async () => {
      const { jobId } = (await hub.api('POST', `/bots/${appId}/train?force=true`)).body as { jobId: string };
      const events = await hub.api('GET', `/jobs/${jobId}/events`);
      assert.match(events.headers.get('content-type') ?? '', /^text\/event-stream/);
      const states = [...(events.body as string).matchAll(/^data: (.*)$/gm)].map(
        (match) => (JSON.parse(match[1] ?? '') as { state: string }).state,
      );
      assert.equal(states.at(-1), 'done');
      problem(await hub.api('POST', `/jobs/${jobId}/cancel`), 409, 'job_ended');
      problem(await hub.api('GET', '/jobs/nope'), 404, 'not_found');
    });
    it('keeps models, goes back to one, and deletes one that is not in use', async () => {
      const list = (await hub.api('GET', `/bots/${appId}/models`)).body.items as { modelId: string; active: boolean }[];
      assert.ok(list.length >= 2);
      assert.deepEqual(
        list.map(({ active }) => active),
        [true, ...list.slice(1).map(() => false)],
      );
      const [newest, older] = list;
      problem(await hub.api('DELETE', `/bots/${appId}/models/${newest!.modelId}`), 409, 'model_active');
      assert.equal((await hub.api('POST', `/bots/${appId}/models/${older!.modelId}/activate`)).body.active, true);
      assert.equal((await hub.api('GET', `/bots/${appId}`)).body.activeModel, older!.modelId);
      assert.equal((await hub.api('DELETE', `/bots/${appId}/models/${newest!.modelId}`)).status, 204);
      problem(await hub.api('POST', `/bots/${appId}/models/${newest!.modelId}/activate`), 404, 'not_found');
    });
    it('sleeps, wakes and restarts on request', async () => {
      assert.equal((await hub.api('POST', `/bots/${appId}/park`)).body.state, 'asleep');
      assert.equal((await hub.api('POST', `/bots/${appId}/wake`)).body.state, 'awake');
      assert.equal((await hub.api('POST', `/bots/${appId}/restart`)).body.state, 'awake');
      const bot = (await hub.api('GET', `/bots/${appId}`)).body;
      assert.deepEqual([bot.pids, bot.memory, bot.reason], [[], 0, null]);
    });
    it('shows the log of its processes and of what the hub did with them', async () => {
      const { items, next } = (await hub.api('GET', `/bots/${appId}/logs`)).body as {
        items: { number: number; source: string; line: string }[];
        next: null;
      };
      assert.equal(next, null);
      assert.ok(items.some(({ source, line }) => source === 'bot' && line.includes('lite')));
      assert.ok(items.some(({ source, line }) => source === 'hub' && line === 'put to sleep: by request'));
      const numbers = items.map(({ number }) => number);
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
      );
      problem(await hub.api('GET', `/bots/nobody/logs`), 404, 'not_found');
      problem(await hub.api('GET', `/bots/${appId}/logs?follow=perhaps`), 422, 'invalid');
    });
    it('sends new log lines to those who follow, and again only what a reader lacks', async () => {
      const read = async (headers: Record<string, string>, enough: (text: string) => boolean) => {
        const leave = new AbortController();
        const response = await fetch(`${hub.url}/api/v1/bots/${appId}/logs?follow`, {
          headers: { authorization: `Bearer ${hub.app.adminToken}`, ...headers },
          signal: leave.signal,
        });
        assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
        const reader = response.body!.getReader();
        let text = '';
        let acted = false;
        while (!enough(text)) {
          const { value, done } = await reader.read();
          assert.ok(!done, `the stream ended: ${text}`);
          text += Buffer.from(value ?? []).toString();
          if (!acted) void hub.api('POST', `/bots/${appId}/park`);
          acted = true;
        }
        leave.abort();
        return [...text.matchAll(/^id: (\d+)\nevent: line\ndata: (.*)$/gm)].map(([, id, data]) => ({
          id: Number(id),
          line: (JSON.parse(data ?? '') as { line: string }).line,
        }));
      };
      const before = ((await hub.api('GET', `/bots/${appId}/logs`)).body as { items: unknown[] }).items.length;
      const lines = await read({}, (text) => text.split('put to sleep').length > 3);
      assert.ok(lines.length > before, 'those of before and the new ones');
      assert.equal(lines.at(-1)!.line, 'put to sleep: by request');
      const last = lines.at(-1)!.id;
      await hub.api('POST', `/bots/${appId}/wake`);
      const rest = await read({ 'last-event-id': String(last) }, (text) => text.includes('put to sleep'));
      assert.deepEqual(rest[0]!.id, last + 1);
      const fromEarlierRun = await read({ 'last-event-id': '100000' }, (text) => text.includes('put to sleep'));
      assert.equal(fromEarlierRun[0]!.id, lines[0]!.id);
    });
    it('takes the number of its processes, and says what is wrong with one', async () => {
      const change = (instances: unknown) => hub.api('PATCH', `/bots/${appId}`, { instances });
      await hub.api('POST', `/bots/${appId}/park`);
      assert.deepEqual((await change({ min: 1, max: 2 })).body.instances, { min: 1, max: 2 });
      await eventually(async () => (await hub.api('GET', `/bots/${appId}`)).body.state === 'awake');
      const wrong = problem(await change({ min: 3, max: 2 }), 422, 'invalid');
      assert.match(JSON.stringify(wrong), /\/instances\/min/);
      for (const instances of [{ min: -1, max: 1 }, { min: 0, max: 0 }, { min: 0, max: 33 }, { min: 1 }, 2])
        problem(await change(instances), 422, 'invalid');
      assert.deepEqual((await hub.api('GET', `/bots/${appId}`)).body.instances, { min: 1, max: 2 });
      await change({ min: 0, max: 1 });
    });
    it('logs conversations', async () => {
      const list = (await hub.api('GET', `/bots/${appId}/conversations`)).body.items as { id: string }[];
      assert.equal(list[0]?.id, 'u1');
      const messages = (await hub.api('GET', `/bots/${appId}/conversations/u1`)).body.items as {
        text: string;
        replies: { text: string }[];
      }[];
      assert.equal(messages[0]?.replies[0]?.text, 'Reset it under "Forgot password".');
    });
    it('answers a repeated request once when it carries an Idempotency-Key', async () => {
      const ask = () =>
        hub.api('POST', `/bots/${appId}/messages`, { sender: 'u9', message: 'hello' }, { 'idempotency-key': 'k1' });
      assert.deepEqual((await ask()).body, (await ask()).body);
      assert.equal((await hub.api('GET', `/bots/${appId}/conversations/u9`)).body.items.length, 1);
    });
  });

  describe('bots', () => {
    it('are listed page by page, changed and deleted with all that is theirs', async () => {
      for (let i = 0; i < 5; i += 1) await hub.api('POST', '/bots', { name: `extra ${String(i)}` });
      const names: string[] = [];
      let cursor = '';
      do {
        const page = (await hub.api('GET', `/bots?limit=2${cursor}`)).body as {
          items: { name: string; appId: string }[];
          next: string | null;
        };
        names.push(...page.items.map(({ name }) => name));
        cursor = page.next === null ? '' : `&cursor=${encodeURIComponent(page.next)}`;
      } while (cursor);
      assert.equal(new Set(names).size, names.length);
      assert.ok(names.includes('extra 0') && names.includes('extra 4'));
      const { appId: gone } = (await hub.api('POST', '/bots', { name: 'short-lived' })).body as { appId: string };
      assert.equal((await hub.api('PATCH', `/bots/${gone}`, { name: 'renamed' })).body.name, 'renamed');
      await hub.api('PUT', `/bots/${gone}/faq`, shopFaq);
      const kept = await filesIn(hub.dataDir);
      await hub.api('POST', `/bots/${gone}/train?wait=true`);
      assert.ok((await filesIn(hub.dataDir)) > kept, 'the training put files on the shelf');
      assert.equal((await hub.api('DELETE', `/bots/${gone}`)).status, 204);
      assert.equal(await filesIn(hub.dataDir), kept, 'its files went with it');
      problem(await hub.api('GET', `/bots/${gone}/faq`), 404, 'not_found');
    });
    it('of the remote kind ask another server that speaks Rasa', async () => {
      const target = await hub.api('POST', '/bots', {
        name: 'Remote',
        engine: 'remote',
        remoteUrl: 'https://bot.invalid/nowhere',
      });
      assert.equal(target.status, 201);
      problem(
        await hub.api('POST', `/bots/${target.body.appId as string}/messages`, { sender: 's', message: 'm' }),
        502,
        'turn_failed',
      );
      problem(await hub.api('POST', `/bots/${target.body.appId as string}/train`, shopFaq), 422, 'nothing_to_train');
    });
  });

  describe('operations', () => {
    it('answers health, metrics and the machine', async () => {
      assert.equal((await fetch(`${hub.url}/health/live`)).status, 200);
      const ready = await fetch(`${hub.url}/health/ready`);
      assert.deepEqual([ready.status, await ready.json()], [200, { status: 'ok', store: 'ok', queue: 'ok' }]);
      assert.deepEqual(await (await fetch(`${hub.url}/health/engine`)).json(), {
        engine: 'lite',
        reason: 'This test runs without Rasa.',
      });
      const metrics = await (await fetch(`${hub.url}/metrics`)).text();
      assert.match(metrics, /switchboard_messages_total\{bot="[^"]+",channel="rest",state="answered"\} [1-9]/);
      const machine = (await hub.api('GET', '/machine')).body as {
        cores: number;
        memory: { total: number };
        disk: { free: number };
        store: unknown;
        queue: unknown;
        pool: { budget: number; used: number; waitsFor: string | null; states: Record<string, number> };
      };
      assert.deepEqual(machine.store, { kind: 'sqlite', at: join(hub.dataDir, 'switchboard.db') });
      assert.deepEqual(machine.queue, { kind: 'embedded', at: null });
      const { pool } = machine;
      assert.ok(pool.budget > 2 ** 20 && pool.used === 0 && pool.waitsFor === null);
      const bots = (await hub.api('GET', '/bots?limit=500')).body as { items: unknown[] };
      assert.equal(
        Object.values(pool.states).reduce((sum, count) => sum + count, 0),
        bots.items.length,
      );
      assert.match(metrics, /switchboard_bots\{state="awake"\} [1-9]/);
      assert.match(metrics, /switchboard_wakes_total\{bot="[^"]+",result="ok"\} [1-9]/);
      assert.match(metrics, /switchboard_wake_seconds_count [1-9]/);
      assert.match(metrics, /switchboard_parks_total\{reason="request"\} [1-9]/);
      assert.match(metrics, /switchboard_memory_budget_bytes [1-9]/);
      assert.match(metrics, /switchboard_memory_used_bytes 0/);
      assert.ok(machine.cores >= 1 && machine.memory.total > 2 ** 20 && machine.disk.free > 0);
    });
    it('shows every route in the document, with schemas that resolve', async () => {
      const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as {
        openapi: string;
        components: { schemas: Record<string, unknown> };
      };
      assert.equal(document.openapi, '3.1.0');
      const text = JSON.stringify(document);
      for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
        assert.ok(document.components.schemas[name ?? ''], name);
      assert.ok(!text.includes('#/$defs/'));
      assert.match(await (await fetch(`${hub.url}/api/docs`)).text(), /\/api\/v1\/bots\/\{appId\}\/faq/);
    });
    it('keeps the admin token out of log and answers', () => {
      assert.ok(hub.log.length > 0);
      assert.ok(!hub.log.some((line) => line.includes(hub.app.adminToken)));
    });
  });
});
