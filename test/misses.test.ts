import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Leases, Parse, Store, StoredMessage, TrainingJob } from '../src/contracts.js';
import { openLog } from '../src/log.js';
import { openStore } from '../src/stores/index.js';
import { clustersOf } from '../src/training/misses/clusters.js';
import { missedIn } from '../src/training/misses/missed.js';
import { createMisses, type Misses } from '../src/training/misses/misses.js';
import { createVectors } from '../src/training/vectors.js';
import { bot, job, message } from './contract/store.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

const { log } = openLog({ level: 'silent', pretty: false, write: () => undefined });

describe('What a bot missed', () => {
  const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();
  const turn = (text: string, more: Partial<StoredMessage> = {}, seconds = 0): StoredMessage => ({
    ...message('a', text),
    ...{ id: text, number: 1, state: 'answered', error: null, replies: [], delivered: true, maybeTwice: false, ms: 1 },
    ...{ text, intent: 'faq/x', confidence: 0.9, receivedAt: at(seconds) },
    ...more,
  });
  const reasons = (...messages: StoredMessage[]) =>
    missedIn({ conversation: 'c', channel: 'rest', messages }).map(({ text, reason }) => [text, reason]);

  it('is what it did not know, guessed, was blamed for, or was asked again', () => {
    assert.deepEqual(reasons(turn('known')), []);
    assert.deepEqual(reasons(turn('a', { intent: 'nlu_fallback' })), [['a', 'fallback']]);
    assert.deepEqual(reasons(turn('b', { turn: { actions: ['action_default_fallback'] } })), [['b', 'fallback']]);
    assert.deepEqual(reasons(turn('c', { confidence: 0.2 })), [['c', 'unsure']]);
    assert.deepEqual(reasons(turn('d'), turn('👎')), [['d', 'disliked']]);
    assert.deepEqual(reasons(turn('d'), turn('/thumbs_down', { payload: true })), [['d', 'disliked']]);
    const [once, twice] = ['where is my parcel', 'Where is my parcel???'];
    assert.deepEqual(reasons(turn(once), turn(twice, {}, 60)), [[once, 'again']]);
    assert.deepEqual(reasons(turn(once), turn(twice, {}, 3600)), [], 'another day is another question');
    assert.deepEqual(reasons(turn('yes'), turn('yes', {}, 1)), [], 'answers are given twice');
    assert.deepEqual(reasons(turn('Where are you?'), turn('How much is shipping?', {}, 5)), []);
  });

  it('is not what a colleague was asked, a button, or no words at all', () => {
    const missed = { intent: 'nlu_fallback' };
    assert.deepEqual(reasons(turn('a', { ...missed, turn: { agent: 'Ann' } })), []);
    assert.deepEqual(reasons(turn('/x', { ...missed, payload: true })), []);
    assert.deepEqual(reasons(turn('?!', missed)), []);
    assert.deepEqual(reasons(turn('a', { ...missed, state: 'failed' })), []);
  });

  it('is put together by its letters where there is no encoder, in each group the most central first', () => {
    const texts = ['open on sunday', 'are you open on sundays', 'sunday open?', 'gift cards', 'do you sell gift cards'];
    const grouped = (...asked: string[]) =>
      clustersOf({ texts: asked, times: asked.map(() => 1), vectors: null, beside: [] });
    const groups = grouped(...texts);
    assert.deepEqual(
      groups.map((group) => group.toSorted()),
      [
        [0, 1, 2],
        [3, 4],
      ],
    );
    assert.deepEqual(grouped('alone'), [[0]]);
    assert.deepEqual(grouped(), []);
    assert.deepEqual(grouped('退货怎么办理', '怎么办理退货', '营业时间').length, 2);
  });

  it('is compared by vectors that are made once, and again when another encoder makes them', async () => {
    const asked: string[][] = [];
    let encoder = 'one@1';
    const encode = (texts: string[]) => {
      asked.push(texts);
      const vectors = texts.map((text) => Float32Array.of(text.length, 1, 0));
      return Promise.resolve({ encoder, vectors });
    };
    const vectors = createVectors({ encode, most: 20 });
    await vectors.of(['a', 'b', 'a']);
    await vectors.of(['b', 'cc']);
    assert.deepEqual(asked, [['a', 'b'], ['cc']]);
    const many = Array.from({ length: 40 }, (_, n) => `text ${n}`);
    assert.equal((await vectors.of(many))?.length, 40, 'also more than are kept');
    assert.ok(asked.slice(2).every((piece) => piece.length <= 16));
    assert.equal(vectors.known('a'), undefined, 'the oldest are forgotten');
    encoder = 'two@1';
    await vectors.of(['fresh']);
    assert.equal(vectors.known('text 39'), undefined);
    assert.equal(await createVectors({ encode: null }).of(['x']), null);
  });
});

/** From now on a write is there for others to read a while before its writer hears of it. */
function writesTellLate(documents: Store['documents']): void {
  const swap = documents.swap.bind(documents);
  documents.swap = async (document) => {
    const swapped = await swap(document);
    await sleep(60);
    return swapped;
  };
}

describe('An answer to misses', () => {
  let directory: string;
  let misses: Misses;
  let requests: string[];
  let store: Awaited<ReturnType<typeof openStore>>;
  let outcome: (id: string) => TrainingJob;
  let known: Record<string, string>;
  const jobOf = (id: string, change: Partial<TrainingJob>): TrainingJob => ({ ...job(id, 'a'), ...change });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sb-misses-'));
    store = await openStore(`sqlite:${join(directory, 'x.db')}`);
    await store.bots.create(bot('a'));
    requests = [];
    known = {};
    outcome = (id) => jobOf(id, { state: 'done' });
    const training = {
      request: (_: string, { by }: { by?: string }) => Promise.resolve(jobOf(`job ${requests.push(by ?? '')}`, {})),
      ended: (id: string) => Promise.resolve(outcome(id)),
      current: () => Promise.resolve(jobOf('next', {})),
    };
    const parse = (_: string, text: string): Promise<Parse> => {
      const name = known[text] ?? 'nlu_fallback';
      return Promise.resolve({
        text,
        intent: { name: 'faq', confidence: 1, full_retrieval_intent_name: name },
        entities: [],
      });
    };
    misses = createMisses({ store, vectors: createVectors({ encode: null }), training, parse, log, gatherMs: 300 });
  });
  afterEach(async () => {
    misses.stop();
    await store.close();
    await rm(directory, { recursive: true });
  });
  const missed = async (conversation: string, text: string): Promise<void> => {
    const { message: one } = await store.conversations.receive(
      message('a', `${conversation} ${text}`, { conversation, text }),
    );
    await store.conversations.settle(one.id, { state: 'answered', intent: 'nlu_fallback', confidence: 0.3 });
  };
  const answered = async (question: string, pairId: string): Promise<void> => {
    const { clusters } = await misses.find('a');
    const found = clusters.find((one) => one.question === question);
    assert.ok(found, question);
    await misses.answered('a', { clusterId: found.clusterId, pairId, train: true, by: 'Ann' });
  };
  const ended = async () =>
    eventually(async () => {
      const reports = await misses.reports('a');
      return reports.every(({ state }) => ['done', 'failed', 'interrupted'].includes(state)) ? reports : null;
    });

  it('is trained once for all that were answered, and tells how many turns are answered now', async () => {
    for (const person of ['p1', 'p2', 'p3']) await missed(person, 'open on sunday');
    await missed('p3', 'OPEN on Sunday?!');
    await missed('p4', 'gift cards');
    const pairs = ['p', 'q'].map((id) => ({ id, questions: [id], answer: id }));
    await store.faq.put('a', pairs);
    const { clusters, looked } = await misses.find('a');
    assert.deepEqual([looked.turns, looked.missed, looked.whole], [5, 5, true]);
    assert.deepEqual(
      clusters.map(({ question, people, turns, reasons }) => [question, people, turns, reasons]),
      [
        ['open on sunday', 3, 4, { fallback: 4 }],
        ['gift cards', 1, 1, { fallback: 1 }],
      ],
    );
    known = { 'open on sunday': 'faq/p', 'gift cards': 'faq/p' };
    writesTellLate(store.documents);
    // Both are there before either is written: so they fall into one round, however long the writes take.
    await Promise.all([answered('open on sunday', 'p'), answered('gift cards', 'q')]);
    const reports = await ended();
    assert.deepEqual(requests, ['Ann'], 'one training');
    const told = Object.fromEntries(
      reports.map((one) => [one.pairId, [one.turns, one.answered, one.elsewhere, one.unanswered]]),
    );
    assert.deepEqual(told, { p: [4, 4, 0, 0], q: [1, 0, 1, 0] });
    assert.deepEqual(
      (await misses.find('a')).clusters.map(({ question }) => question),
      ['gift cards'],
    );
  });

  it('follows the training that took the place of its own, and says why one failed', async () => {
    await store.faq.put('a', [{ id: 'p', questions: ['x'], answer: 'x' }]);
    await missed('p1', 'gift cards');
    outcome = (id) => jobOf(id, id === 'next' ? { state: 'done' } : { state: 'superseded' });
    await answered('gift cards', 'p');
    assert.deepEqual(
      (await ended()).map(({ state, unanswered }) => [state, unanswered]),
      [['done', 1]],
    );
    outcome = (id) => jobOf(id, { state: 'failed', error: { code: 'x', message: 'no disk' } });
    await answered('gift cards', 'p');
    assert.deepEqual((await ended()).map(({ state, error }) => [state, error])[0], ['failed', 'no disk']);
  });

  it('keeps no word of people, and says of what a stop cut off that it did', async () => {
    await store.faq.put('a', [{ id: 'p', questions: ['x'], answer: 'x' }]);
    await missed('p1', 'my secret question');
    outcome = () => assert.fail('it was stopped');
    await answered('my secret question', 'p');
    misses.stop();
    assert.doesNotMatch(JSON.stringify(await store.documents.list('a')), /secret/);
    const again = createMisses({
      store,
      vectors: createVectors({ encode: null }),
      training: {} as never,
      parse: {} as never,
      log,
    });
    assert.deepEqual(
      (await again.reports('a')).map(({ state }) => state),
      ['interrupted'],
    );
  });

  it('is under way for every hub of a shared store while the one that is at it lives', async () => {
    await store.faq.put('a', [{ id: 'p', questions: ['x'], answer: 'x' }]);
    await missed('p1', 'gift cards');
    let living = ['one', 'two'];
    const hubOf = (id: string): Misses => {
      const leases = { id, hubs: () => living.map((one) => ({ id: one })) } as Leases;
      const options = { vectors: createVectors({ encode: null }), training: {} as never, parse: {} as never, log };
      return createMisses({ store: { ...store, leases }, ...options });
    };
    const [one, two] = [hubOf('one'), hubOf('two')];
    const [cluster] = (await one.find('a')).clusters;
    await one.answered('a', { clusterId: cluster!.clusterId, pairId: 'p', train: true, by: 'Ann' });
    one.stop();
    const states = async (): Promise<string[]> => (await two.reports('a')).map(({ state }) => state);
    assert.deepEqual(await states(), ['waiting']);
    assert.doesNotMatch(JSON.stringify(await two.reports('a')), /hub/, 'which one it is stays inside');
    living = ['two'];
    assert.deepEqual(await states(), ['interrupted']);
  });
});

describe('The routes of misses', () => {
  let hub: TestHub;
  let appId: string;
  before(async () => {
    hub = await newHub();
    ({ appId } = (await hub.api('POST', '/bots', { name: 'Shop' })).body as { appId: string });
    const { body } = await hub.api('POST', `/bots/${appId}/train?wait=true`, [
      { Q: [{ q: 'How much is shipping?' }], A: 'Five.' },
    ]);
    assert.equal(body.state, 'done');
  });
  after(() => hub.stop());
  const say = (sender: string, text: string) => hub.api('POST', `/bots/${appId}/messages`, { sender, message: text });
  interface Shown {
    items: { clusterId: string; people: number; question: string }[];
    reports: { state: string; turns: number; answered: number; pairId: string }[];
  }
  const found = async (query = ''): Promise<Shown> =>
    (await hub.api('GET', `/bots/${appId}/misses${query}`)).body as Shown;

  it('show what people asked in vain, take the answer, and prove it', async () => {
    for (const person of ['anna', 'ben', 'cleo']) await say(person, 'Do you sell gift cards?');
    await say('dora', 'gift cards for sale?');
    await say('dora', 'How much is shipping?');
    const { items } = await found();
    const [first] = items;
    assert.ok(first);
    assert.deepEqual([items.length, first.people, first.question], [1, 4, 'Do you sell gift cards?']);
    const path = `/bots/${appId}/misses/${first.clusterId}/answer`;
    for (const body of [{}, { answer: 'Yes.', pairId: 'x' }, { answer: '' }, { answer: 'Yes.', questions: [] }])
      assert.equal((await hub.api('POST', path, body)).status, 422);
    assert.equal((await hub.api('POST', path, { pairId: 'nobody' })).status, 404);
    assert.equal((await hub.api('POST', path.replace(first.clusterId, 'x'), { answer: 'x' })).status, 404);
    const { body: pairs } = await hub.api('GET', `/bots/${appId}/faq`);
    assert.equal(pairs.length, 1, 'nothing was written');
    const given = await hub.api('POST', path, { answer: 'Yes, at the till.' });
    assert.deepEqual([given.status, given.body.questions], [202, ['Do you sell gift cards?', 'gift cards for sale?']]);
    const [report] = await eventually(async () => {
      const { reports } = await found();
      return reports[0]?.state === 'done' ? reports : null;
    });
    assert.deepEqual([report?.turns, report?.answered, report?.pairId], [4, 4, given.body.pairId]);
    assert.equal((await say('emil', 'do you sell gift cards')).body[0].text, 'Yes, at the till.');
  });

  it('add to a pair that is there, and forget who is erased', async () => {
    await say('fred', 'wheelchair ramp installation');
    const since = `?from=${new Date(0).toISOString()}`;
    const cluster = (await found(since)).items.find(({ question }) => question.includes('wheelchair'));
    const [{ id }] = (await hub.api('GET', `/bots/${appId}/faq/pairs`)).body.items as [{ id: string }];
    const path = `/bots/${appId}/misses/${cluster!.clusterId}/answer`;
    const { body } = await hub.api('POST', path, { pairId: id, questions: ['Where can I park?'], train: false });
    assert.deepEqual([body.pairId, body.questions], [id, ['How much is shipping?', 'Where can I park?']]);
    const [talk] = (await hub.api('GET', `/bots/${appId}/conversations?text=wheelchair`)).body.items as [
      { id: string },
    ];
    assert.equal((await hub.api('DELETE', `/bots/${appId}/conversations/${encodeURIComponent(talk.id)}`)).status, 204);
    assert.doesNotMatch(JSON.stringify((await found(since)).items), /wheelchair/);
  });
});
