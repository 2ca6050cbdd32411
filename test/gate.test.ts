import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTrackerChannel } from '../src/engines/rasa/channel.js';
import { idleActions } from '../src/engines/rasa/actions.js';
import { createErrorBudget } from '../src/training/gate/budget.js';
import { openGate, verdictOf } from '../src/training/gate/gate.js';
import { changesOf, failuresOf, scoreOf } from '../src/training/gate/judging.js';
import type { Heard } from '../src/training/gate/rehearsal.js';
import { openLog } from '../src/log.js';
import { someModel } from './support/engines.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

const says = (text: string, intent = 'faq/x'): Heard => ({ said: [{ text }], intent, failed: false });

describe('A rehearsal', () => {
  it('fails a test whose words or intent are not those of the model', () => {
    const conversations = [
      { name: 'one', steps: [{ user: 'a', bot: ['A'] }, { user: 'b', intent: 'x' }, { user: 'c' }] },
      {
        name: 'two',
        steps: [
          { user: 'd', bot: ['D', 'E'] },
          { user: 'e', intent: 'faq/y' },
        ],
      },
    ];
    const heard = [
      [says('A'), says('B'), { said: [], intent: null, failed: true }],
      [says('D'), says('E')],
    ];
    assert.deepEqual(failuresOf({ conversations, questions: [] }, heard), [
      { name: 'two', step: 1, user: 'd', expected: 'D\nE', got: 'D' },
      { name: 'two', step: 2, user: 'e', expected: 'intent faq/y', got: 'intent faq/x' },
    ]);
  });

  it('scores questions, and says which topic was taken for which', () => {
    const questions = ['a', 'b', 'c', 'd'].map((text) => ({ text, intent: text === 'd' ? 'y' : 'x' }));
    const heard = [[says('', 'faq/x')], [says('', 'faq/y')], [says('', 'faq/y')], [says('', 'faq_y')]];
    assert.deepEqual(scoreOf({ conversations: [], questions }, heard), {
      asked: 4,
      right: 2,
      confusions: [{ expected: 'x', got: 'faq/y', times: 2, examples: ['b', 'c'] }],
    });
    assert.equal(scoreOf({ conversations: [], questions: [] }, []), null);
  });

  it('lists each answer that changes, with its place in the log', () => {
    const talks = [[1, 2].map((number) => ({ conversation: 'c', number, text: 'x' }))];
    const changes = changesOf(talks, [[says('same'), says('old')]], [[says('same', 'other'), says('new')]]);
    assert.deepEqual(changes, [{ conversation: 'c', number: 2, from: 'old', to: 'new' }]);
  });

  it('lets a model in, holds it, or refuses it, and says why', () => {
    const facts = { failed: [], score: { asked: 10, right: 8, confusions: [] }, changed: 2, turns: 10 };
    const failure = { name: '', step: 1, user: '', expected: '', got: '' };
    const verdict = (settings: object, more: object = {}) => {
      const { verdict: said, reasons } = verdictOf({ ...openGate, ...settings }, { ...facts, ...more });
      return [said, reasons.length];
    };
    assert.deepEqual(verdict({}), ['promoted', 0]);
    assert.deepEqual(verdict({ maxChangedPercent: 19 }), ['held', 1]);
    assert.deepEqual(verdict({ maxChangedPercent: null }, { changed: 10 }), ['promoted', 0]);
    assert.deepEqual(verdict({ minScore: 0.8 }), ['promoted', 0]);
    assert.deepEqual(verdict({ minScore: 0.81 }), ['refused', 1]);
    assert.deepEqual(verdict({ maxChangedPercent: 0 }, { failed: [failure] }), ['refused', 2]);
    assert.deepEqual(verdict({ minScore: 0.9 }, { score: null, turns: 0, changed: 0 }), ['promoted', 0]);
  });
});

describe('A bot that rehearses', () => {
  it('writes no tracker of the store, and finds its own again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sb-channel-'));
    const socket = join(folder, 's');
    const touched: string[] = [];
    const trackers = new Proxy({}, { get: (_, name) => () => Promise.resolve(void touched.push(String(name))) });
    const { log } = openLog({ level: 'silent', pretty: false, write: () => undefined });
    const channel = openTrackerChannel({ trackers: trackers as never, log });
    const key = await channel.admit('a', { socket, rehearsal: true });
    const call = async (method: string, path: string, body?: object): Promise<[number | undefined, string]> => {
      const asked = request({ socketPath: socket, method, path, headers: { authorization: `Bearer ${key.secret}` } });
      asked.end(body && JSON.stringify(body));
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      const pieces = (await answer.toArray()) as Buffer[];
      return [answer.statusCode, Buffer.concat(pieces).toString()];
    };
    try {
      assert.equal((await call('GET', '/trackers/x'))[0], 404);
      assert.equal((await call('POST', '/trackers/x/events', { from: 0, events: [{ event: 'user' }] }))[0], 204);
      assert.equal((await call('POST', '/trackers/x/events', { from: 0, events: [{ event: 'user' }] }))[0], 409);
      assert.deepEqual(JSON.parse((await call('GET', '/trackers/x?all=1'))[1]), {
        offset: 0,
        events: [{ event: 'user' }],
      });
      assert.deepEqual(await key.tracker('x'), { offset: 0, events: [{ event: 'user' }] });
      assert.deepEqual(touched, []);
      assert.deepEqual(
        await (await channel.admit('a', { socket: join(folder, 'other') })).tracker('x').catch(() => 'asked the store'),
        undefined,
      );
      assert.deepEqual(touched, ['read']);
    } finally {
      await channel.close();
      await rm(folder, { recursive: true });
    }
  });

  it('runs no action of its own, whatever it asks for', async () => {
    const idle = idleActions({ ...someModel({ pipeline: 'project' }), archivePath: null, contentPath: '' });
    const answer = await idle?.call?.({ body: Buffer.from('{}'), contentEncoding: undefined });
    assert.deepEqual(answer, { status: 200, text: '{"events":[],"responses":[]}' });
    assert.equal(idleActions({ ...someModel({ pipeline: 'semantic' }), archivePath: null, contentPath: '' }), null);
  });
});

describe('An error budget', () => {
  const { log } = openLog({ level: 'silent', pretty: false, write: () => undefined });
  const model = someModel({ id: 'm', appId: 'a' });
  let back: string[];
  let now: number;
  const open = async (rollBack: { errorPercent: number; turns: number; minutes: number } | null) => {
    [back, now] = [[], 0];
    const gate = {
      settings: () => Promise.resolve({ ...openGate, closed: true, rollBack }),
      noteRollBack: (_: string, id: string, why: string) => Promise.resolve(void back.push(id, why)),
    };
    const training = { rollBack: () => Promise.resolve(model) };
    const budget = createErrorBudget({ gate, training, log, now: () => now });
    await budget.watch(model);
    const turn = (state: 'answered' | 'failed', intent = 'faq/x', by = 'm') =>
      budget.turn({ appId: 'a', state, intent, ...(state === 'answered' && { turn: { model: by } }) });
    return { turn };
  };
  const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

  it('takes a model back that fails more often than it may, once', async () => {
    const { turn } = await open({ errorPercent: 50, turns: 4, minutes: 10 });
    for (const state of ['failed', 'failed', 'failed'] as const) turn(state);
    await settled();
    assert.deepEqual(back, [], 'too few turns to tell');
    turn('answered', 'nlu_fallback', 'an older model');
    turn('answered');
    turn('failed');
    await settled();
    assert.deepEqual(back, ['m', '3 of its first 4 turns failed or were not understood']);
  });

  it('leaves one alone that does well, is old enough, or is not watched', async () => {
    const well = await open({ errorPercent: 50, turns: 2, minutes: 10 });
    for (const intent of ['faq/x', 'nlu_fallback', 'faq/x', 'nlu_fallback']) well.turn('answered', intent);
    await settled();
    assert.deepEqual(back, []);
    const old = await open({ errorPercent: 0, turns: 2, minutes: 1 });
    now = 61_000;
    for (const state of ['answered', 'failed', 'failed'] as const) old.turn(state);
    await settled();
    assert.deepEqual(back, []);
    const open_ = await open(null);
    for (const state of ['failed', 'failed'] as const) open_.turn(state);
    await settled();
    assert.deepEqual(back, []);
  });
});

describe('The gate of a bot', () => {
  let hub: TestHub;
  let path: string;
  let appId: string;
  before(async () => {
    hub = await newHub();
    appId = (await hub.api('POST', '/bots', { name: 'Shop' })).body.appId as string;
    path = `/bots/${appId}`;
  });
  after(() => hub.stop());
  const faq = (...answers: string[]) =>
    ['When are you open?', 'Do you ship abroad?', 'How can I pay?'].map((q, at) => ({ Q: [{ q }], A: answers[at]! }));
  const train = async (pairs: unknown) =>
    (await hub.api('POST', `${path}/train?wait=true`, pairs)).body as {
      state: string;
      modelId: string;
      error: { code: string; message: string } | null;
    };
  const say = async (sender: string, message: string) =>
    (await hub.api('POST', `${path}/messages`, { sender, message })).body[0]?.text as string;
  const models = async () =>
    (await hub.api('GET', `${path}/models`)).body.items as { modelId: string; active: boolean; gate?: string }[];

  it('is open until its author closes it, and refuses settings that are none', async () => {
    const first = await train(faq('9 to 5', 'Yes', 'Cash'));
    assert.equal(first.state, 'done');
    assert.equal((await models())[0]?.gate, undefined);
    assert.equal((await hub.api('GET', `${path}/models/${first.modelId}/gate`)).status, 404);
    assert.equal((await hub.api('GET', `${path}/gate`)).body.closed, false);
    for (const body of [{ closed: 'yes' }, { maxChangedPercent: 101 }, { minScore: 2 }, { rollBack: {} }, { other: 1 }])
      assert.equal((await hub.api('PUT', `${path}/gate`, body)).status, 422, JSON.stringify(body));
    for (const body of [{ conversations: [{ name: 'x', steps: [] }] }, { questions: [{ text: 'x' }] }])
      assert.equal((await hub.api('PUT', `${path}/tests`, body)).status, 422, JSON.stringify(body));
    assert.equal((await hub.api('PUT', `${path}/gate`, { closed: true, maxChangedPercent: 50 })).status, 200);
  });

  it('makes a test of a conversation in one call', async () => {
    for (const text of ['when are you open', 'how can I pay']) await say('anna', text);
    const [talk] = (await hub.api('GET', `${path}/conversations`)).body.items as [{ id: string }];
    const made = await hub.api('POST', `${path}/tests`, { conversation: talk.id, name: 'Anna' });
    assert.equal(made.status, 201);
    assert.deepEqual(made.body.conversations, [
      {
        name: 'Anna',
        steps: [
          { user: 'when are you open', bot: ['9 to 5'] },
          { user: 'how can I pay', bot: ['Cash'] },
        ],
      },
    ]);
    assert.equal((await hub.api('POST', `${path}/tests`, { conversation: 'nobody' })).status, 404);
    const ran = await hub.api('POST', `${path}/tests/run`);
    assert.deepEqual([ran.status, ran.body.failed, ran.body.score], [200, [], null]);
    assert.equal((await hub.api('POST', `${path}/tests/run?model=x`)).status, 404);
  });

  it('refuses a model that breaks a test, with every answer that changes, and the old one keeps answering', async () => {
    await say('ben', 'do you ship abroad');
    const bad = await train(faq('9 to 5', 'Yes', 'Nothing!'));
    assert.deepEqual([bad.state, bad.error?.code], ['failed', 'gate_refused']);
    assert.match(bad.error?.message ?? '', /1 steps of its tests fail/);
    const [newest, active] = await models();
    assert.deepEqual([newest?.gate, newest?.active, active?.active], ['refused', false, true]);
    const { body } = await hub.api('GET', `${path}/models/${newest!.modelId}/gate`);
    assert.deepEqual(body.tests.failed, [
      { name: 'Anna', step: 2, user: 'how can I pay', expected: 'Cash', got: 'Nothing!' },
    ]);
    assert.deepEqual([body.against, body.replay.conversations, body.replay.turns], [active?.modelId, 2, 3]);
    assert.deepEqual(
      (body.replay.changes as { text: string; from: string; to: string }[]).map(({ text, from, to }) => [
        text,
        from,
        to,
      ]),
      [['how can I pay', 'Cash', 'Nothing!']],
    );
    assert.equal(await say('cleo', 'how can I pay'), 'Cash');
  });

  it('holds a model that answers much otherwise until a person activates it', async () => {
    await hub.api('PUT', `${path}/tests`, {});
    const changed = await train(faq('10 to 4', 'No', 'Card'));
    assert.equal(changed.state, 'done');
    const [held] = await models();
    assert.deepEqual([held?.gate, held?.active], ['held', false]);
    assert.equal(await say('dora', 'how can I pay'), 'Cash');
    assert.equal((await hub.api('POST', `${path}/models/${held!.modelId}/activate`)).status, 200);
    assert.equal(await say('dora', 'how can I pay'), 'Card');
  });

  it('lets a good model in, and goes back from it when it does badly with people', async () => {
    const rollBack = { errorPercent: 50, turns: 4, minutes: 5 };
    await hub.api('PUT', `${path}/tests`, { questions: [{ text: 'how can I pay', intent: 'nothing' }] });
    await hub.api('PUT', `${path}/gate`, { closed: true, minScore: 1 });
    assert.equal((await train(faq('never', 'No', 'Card'))).error?.code, 'gate_refused');
    await hub.api('PUT', `${path}/tests`, {});
    await hub.api('PUT', `${path}/gate`, { closed: true, maxChangedPercent: 90, rollBack });
    const good = await train(faq('10 to 4', 'No', 'Card or cash'));
    const [newest, refused, before] = await models();
    assert.equal(refused?.gate, 'refused');
    assert.deepEqual([good.state, newest?.gate, newest?.active], ['done', 'promoted', true]);
    for (let n = 0; n < 4; n += 1) await say(`e${n}`, 'quantum chromodynamics');
    await eventually(async () => (await models())[2]?.active);
    const { body } = await hub.api('GET', `${path}/models/${newest!.modelId}/gate`);
    await eventually(
      async () => (await hub.api('GET', `${path}/models/${newest!.modelId}/gate`)).body.rolledBack as string | null,
    );
    assert.equal(body.verdict, 'promoted');
    assert.equal((await models()).find(({ active }) => active)?.modelId, before?.modelId);
  });

  it('takes a no to a model that is held, with who said it, and no other', async () => {
    await hub.api('PUT', `${path}/gate`, { closed: true, maxChangedPercent: 0 });
    const before = (await models()).find(({ active }) => active);
    assert.equal((await train(faq('never', 'Maybe', 'Shells'))).state, 'done');
    const [held] = await models();
    assert.ok(held?.gate === 'held');
    const refuse = (id: string) => hub.api('POST', `${path}/models/${id}/refuse`);
    const no = await refuse(held.modelId);
    assert.deepEqual([no.status, no.body.gate, no.body.active], [200, 'refused', false]);
    const { body } = await hub.api('GET', `${path}/models/${held.modelId}/gate`);
    assert.deepEqual([body.verdict, body.reasons.at(-1)], ['refused', 'admin refused it']);
    for (const id of [held.modelId, before?.modelId ?? '']) assert.equal((await refuse(id)).status, 422);
    assert.equal((await refuse('none')).status, 404);
    assert.equal((await models()).find(({ active }) => active)?.modelId, before?.modelId);
  });

  it('lets any version be tried, which keeps nothing', async () => {
    const [newest] = await models();
    assert.equal(newest?.active, false);
    const heard = (await hub.api('GET', `${path}/conversations`)).body.items as unknown[];
    const tried = async (texts: string[], id = newest.modelId) =>
      hub.api('POST', `${path}/models/${id}/try`, { texts });
    const { status, body } = await tried(['When are you open?', 'How can I pay?']);
    assert.deepEqual([status, body.messages[0].text, body.engine], [200, 'Shells', 'lite'], JSON.stringify(body));
    assert.ok(body.parse.intent.confidence > 0.9 && body.ms >= 0);
    assert.notEqual(await say('fay', 'How can I pay?'), 'Shells');
    assert.equal((await tried(['x'], 'none')).status, 404);
    for (const texts of [[], [' '], Array(51).fill('x')]) assert.equal((await tried(texts as string[])).status, 422);
    assert.equal(((await hub.api('GET', `${path}/conversations`)).body.items as unknown[]).length, heard.length + 1);
  });

  it('forgets who is erased', async () => {
    const [newest] = await models();
    const report = async () =>
      (await hub.api('GET', `${path}/models/${newest!.modelId}/gate`)).body.replay.changes as unknown[];
    const [change] = (await report()) as { conversation: string }[];
    assert.ok(change);
    await hub.api('DELETE', `${path}/conversations/${encodeURIComponent(change.conversation)}`);
    assert.ok(!JSON.stringify(await report()).includes(change.conversation));
  });
});
