/** What every store of src/stores/index.ts must do. */
import assert from 'node:assert/strict';
import type {
  Aftermath,
  Bot,
  BotMessage,
  ChannelRecord,
  IncomingMessage,
  Json,
  Listed,
  MessageChange,
  Model,
  OutboxEntry,
  Page,
  Store,
  StoredMessage,
  StoredTemplate,
  TrainingJob,
} from '../../src/contracts.js';
import type { ErrorCode } from '../../src/errors.js';
import { accessTests } from './access.js';
import { logTests } from './log.js';
import { streamTests } from './stream.js';

/** An empty store, and what the suite does to it. */
export interface OpenStore {
  store: Store;
  /** What the clock of the store shows from now on. */
  setNow(now: Date): unknown;
  /** Closes the store and opens the same data again. */
  reopen(): Promise<Store>;
  /** Closes what is open and removes the data. */
  dispose(): Promise<void>;
}

export const nasty =
  'NUL \0, DLE \x10 \x100000, emoji 👩‍🚀, lone \ud83d and \udc00, pair swapped \udc00\ud83d, \u202e, \ufffd, ｆｕｌｌ, "\'\\ %_';

export const template = (name: string): StoredTemplate => ({
  name,
  title: { en: nasty, zh: '模板' },
  description: { en: 'x', zh: 'y' },
  language: 'en',
  pipeline: 'project',
  pairs: [{ id: 'p', questions: [nasty], answer: [{ text: nasty }] }],
  files: [{ path: 'data/nlu.yml', content: nasty }],
  updatedAt: '2026-01-01T00:00:00.000Z',
});

/** Runs the suite over the store that `open` makes; `open` is called for each test. */
export function storeContract(name: string, open: () => Promise<OpenStore>): void {
  describe(`The ${name} store`, () => {
    let opened: OpenStore;
    let store: Store;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.dispose());
    const reopen = async (): Promise<void> => {
      store = await opened.reopen();
    };

    botTests(() => store, reopen);
    contentTests(() => store, reopen);
    trainingTests(() => store, reopen);
    describe('and its messages', () => messageTests(() => store, reopen));
    describe('and its outbox', () => outboxTests(() => store, reopen));
    conversationTests(() => store);
    describe('and messages that were kept long enough', () =>
      expiryTests(
        () => store,
        (n) => opened.setNow(new Date(day(n))),
      ));
    trackerTests(() => store, reopen);
    describe('and its log', () =>
      logTests(
        () => store,
        reopen,
        (n) => opened.setNow(new Date(day(n))),
      ));
    describe('and its event stream', () =>
      streamTests(
        () => store,
        reopen,
        (n) => opened.setNow(new Date(day(n))),
      ));
    describe('and its channels', () => channelTests(() => store, reopen));
    describe('and who may do what', () => accessTests(() => store, reopen));

    it('keeps templates whole, by name, the newest of each', async () => {
      assert.deepEqual([await store.templates.get('a'), await store.templates.list()], [null, []]);
      const one = template('a');
      await store.templates.put(template('b'));
      await store.templates.put({ ...one, pairs: [] });
      await store.templates.put(one);
      await reopen();
      assert.deepEqual(await store.templates.get('a'), one);
      assert.deepEqual(
        (await store.templates.list()).map(({ name }) => name),
        ['a', 'b'],
      );
      assert.deepEqual([await store.templates.remove('b'), await store.templates.remove('b')], [true, false]);
      assert.deepEqual(await store.templates.list(), [one]);
    });

    it('keeps settings and answers null for one it does not know', async () => {
      assert.equal(await store.settings.get('key'), null);
      await store.settings.set('key', 'old');
      await store.settings.set('key', nasty);
      await reopen();
      assert.equal(await store.settings.get('key'), nasty);
    });
    it('answers a ping while it can be written', () => store.ping());
    it('finishes what was asked before close, and refuses everything afterwards', async () => {
      await store.bots.create(bot('a'));
      const written = [1, 2, 3].map((n) => store.settings.set(`n${n}`, String(n)));
      await store.close();
      await Promise.all(written);
      await rejects(store.settings.set('x', 'y'), 'store_unavailable');
      await rejects(store.bots.get('a'), 'store_unavailable');
      await rejects(store.ping(), 'store_unavailable');
      await store.close();
      await reopen();
      assert.equal(await store.settings.get('n3'), '3');
    });
  });
}

function botTests(store: () => Store, reopen: () => Promise<void>): void {
  it('answers a bot as it was created, also after a restart', async () => {
    const full = bot('a', {
      name: nasty,
      threshold: 0.1 + 0.2,
      remoteUrl: 'http://x',
      remoteAuth: nasty,
      engine: 'remote',
      activeModel: 'm',
      instances: { min: 1, max: 3 },
      options: { fallback: nasty, pipeline: [{ name: 'x', deep: [1, null] }] },
    });
    await store().bots.create(full);
    await store().bots.create(bot('b'));
    await reopen();
    assert.deepEqual(await store().bots.get('a'), full);
    assert.deepEqual(await store().bots.get('b'), bot('b'));
    assert.equal(await store().bots.get('c'), null);
  });
  it('refuses a taken APP_ID and lets the writes beside it stand', async () => {
    const outcomes = await Promise.allSettled([
      store().bots.create(bot('a', { name: 'first' })),
      store().bots.create(bot('a', { name: 'second' })),
      store().bots.create(bot('b')),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    await rejects(store().bots.create(bot('b')), 'bot_exists');
    assert.equal((await store().bots.get('a'))?.name, 'first');
    assert.notEqual(await store().bots.get('b'), null);
  });
  it('makes a bot with the files of its project, or neither', async () => {
    const files = [
      { path: 'config.yml', content: '' },
      { path: 'data/nlu.yml', content: nasty },
    ];
    const broken = [...files, { path: 'x', content: null as unknown as string }];
    await assert.rejects(store().bots.create(bot('a'), broken));
    assert.deepEqual([await store().bots.get('a'), await store().files.list('a')], [null, []]);
    await store().bots.create(bot('a'), files);
    await rejects(store().bots.create(bot('a', { name: 'other' }), []), 'bot_exists');
    await rejects(store().bots.create(bot('a'), [{ path: 'y', content: '' }]), 'bot_exists');
    await reopen();
    assert.deepEqual([await store().bots.get('a'), await store().files.read('a')], [bot('a'), files]);
    await store().bots.delete('a');
    await store().bots.create(bot('a'));
    assert.deepEqual(await store().files.list('a'), []);
  });
  it('changes what is named and nothing else', async () => {
    await store().bots.create(bot('a', { threshold: 0.5 }));
    const changed = await store().bots.update('a', { name: 'new', threshold: null });
    assert.deepEqual(changed, bot('a', { name: 'new' }));
    assert.deepEqual(await store().bots.get('a'), changed);
    const grown = await store().bots.update('a', { instances: { min: 2, max: 4 } });
    assert.deepEqual(grown, { ...changed, instances: { min: 2, max: 4 } });
    assert.equal(await store().bots.update('b', { name: 'x' }), null);
  });
  it('does not lose one of two changes made at once', async () => {
    await store().bots.create(bot('a'));
    await Promise.all([store().bots.update('a', { name: 'new' }), store().bots.update('a', { activeModel: 'm' })]);
    assert.deepEqual(await store().bots.get('a'), bot('a', { name: 'new', activeModel: 'm' }));
  });
  it('lists bots oldest first, in pages that a bot created or deleted meanwhile does not disturb', async () => {
    for (const n of [3, 1, 2, 2, 4]) {
      await store().bots.create(bot(`b${n}${await count(store())}`, { createdAt: day(n) }));
    }
    const list = (page: Page): Promise<Listed<Bot>> => store().bots.list(page);
    assert.deepEqual(
      (await walk(list, 2)).map(({ appId }) => appId),
      ['b11', 'b22', 'b23', 'b30', 'b44'],
    );
    const first = await list({ limit: 2 });
    await store().bots.create(bot('early', { createdAt: day(0) }));
    await store().bots.delete('b22');
    await store().bots.create(bot('late', { createdAt: day(9) }));
    const rest = await walk(list, 2, first.next);
    assert.deepEqual(
      rest.map(({ appId }) => appId),
      ['b23', 'b30', 'b44', 'late'],
    );
  });
  it('answers no cursor on the last page, and refuses one that it did not give', async () => {
    await store().bots.create(bot('a'));
    await store().bots.create(bot('b'));
    assert.equal((await store().bots.list({ limit: 2 })).next, null);
    const { next } = await store().bots.list({ limit: 1 });
    assert.match(next ?? '', /^[\w-]+$/);
    await rejects(store().models.list('a', { limit: 1, cursor: next ?? '' }), 'invalid');
    await rejects(store().bots.list({ limit: 1, cursor: 'nonsense' }), 'invalid');
    await rejects(store().bots.list({ limit: 0 }), 'invalid');
  });
  it('removes with a bot all that is its own, and nothing of another', async () => {
    for (const appId of ['a', 'b']) await fill(store(), appId);
    const before = await contents(store(), 'b');
    assert.equal(await store().bots.delete('a'), true);
    assert.equal(await store().bots.delete('a'), false);
    assert.deepEqual(await contents(store(), 'b'), before);
    assert.equal(await store().models.references('content-of-a'), false);
    assert.equal(await store().models.references('content-of-b'), true);
    assert.deepEqual(
      (await store().conversations.unsettled({ limit: 10 })).items.map(({ appId }) => appId),
      ['b'],
    );
    assert.deepEqual(
      (await store().jobs.unfinished()).map(({ appId }) => appId),
      ['b'],
    );
    await store().bots.create(bot('a'));
    assert.deepEqual(await contents(store(), 'a'), await emptyContents(store()));
  });
  it('rejects what is written for a bot that is not there', async () => {
    await rejects(store().faq.put('a', []), 'not_found');
    await rejects(store().files.write('a', [{ path: 'x', content: '' }]), 'not_found');
    await rejects(store().jobs.create(job('j', 'a')), 'not_found');
    await rejects(store().models.add(model('m', 'a')), 'not_found');
    await rejects(store().conversations.receive(message('a', '1')), 'not_found');
    await rejects(store().trackers.append('a', 's', 0, [{ event: 'user' }]), 'not_found');
    await rejects(store().jobs.appendLog('j', ['line']), 'not_found');
  });
}

function contentTests(store: () => Store, reopen: () => Promise<void>): void {
  it('answers version 0 and no pairs for a bot without FAQ', async () => {
    await store().bots.create(bot('a'));
    assert.deepEqual(await store().faq.get('a'), { version: 0, pairs: [] });
  });
  it('keeps an FAQ byte for byte and gives each write a new version', async () => {
    await store().bots.create(bot('a'));
    const pairs = [
      { id: nasty, questions: [nasty, ' '], answer: nasty },
      {
        id: '2',
        questions: [],
        answer: [{ text: 'a\r\n\r\nb\t ' }, { image: 'x', buttons: [{ title: nasty, payload: '/p' }] }],
      },
    ];
    assert.equal(await store().faq.put('a', [], 0), 1);
    assert.equal(await store().faq.put('a', pairs), 2);
    await reopen();
    assert.deepEqual(await store().faq.get('a'), { version: 2, pairs });
  });
  it('takes one of two FAQ writes that start from the same version', async () => {
    await store().bots.create(bot('a'));
    const two = await Promise.allSettled(
      ['x', 'y'].map((id) => store().faq.put('a', [{ id, questions: [], answer: '' }], 0)),
    );
    assert.deepEqual(
      two.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    await rejects(store().faq.put('a', [], 7), 'version_conflict');
    const { version, pairs } = await store().faq.get('a');
    assert.deepEqual([version, pairs[0]?.id], [1, 'x']);
  });
  it('writes, replaces and removes project files', async () => {
    await store().bots.create(bot('a'));
    await store().files.write('a', [
      { path: 'data/nlu.yml', content: nasty },
      { path: 'config.yml', content: 'old' },
    ]);
    await store().files.write('a', [{ path: 'config.yml', content: 'new' }]);
    await reopen();
    assert.deepEqual(await store().files.read('a'), [
      { path: 'config.yml', content: 'new' },
      { path: 'data/nlu.yml', content: nasty },
    ]);
    await store().files.write(
      'a',
      [
        { path: 'domain.yml', content: '' },
        { path: 'config.yml', content: '1' },
      ],
      { replace: true },
    );
    assert.deepEqual(await store().files.list('a'), ['config.yml', 'domain.yml']);
    assert.equal(await store().files.remove('a', 'config.yml'), true);
    assert.equal(await store().files.remove('a', 'config.yml'), false);
    assert.deepEqual(await store().files.list('a'), ['domain.yml']);
  });
  it('writes all files or none', async () => {
    await store().bots.create(bot('a'));
    await store().files.write('a', [{ path: 'kept', content: '1' }]);
    const broken = [
      { path: 'x', content: '1' },
      { path: 'y', content: null as unknown as string },
    ];
    await assert.rejects(store().files.write('a', broken, { replace: true }));
    assert.deepEqual(await store().files.read('a'), [{ path: 'kept', content: '1' }]);
  });
}

function trainingTests(store: () => Store, reopen: () => Promise<void>): void {
  it('answers a job as it was created and as it was changed', async () => {
    await store().bots.create(bot('a'));
    await store().jobs.create(job('i', 'a', { by: nasty }));
    assert.equal((await store().jobs.get('i'))?.by, nasty);
    await store().jobs.create(job('j', 'a', { stage: nasty }));
    assert.deepEqual(await store().jobs.get('j'), job('j', 'a', { stage: nasty }));
    assert.equal(await store().jobs.get('k'), null);
    const change = {
      state: 'failed' as const,
      percent: 12.5,
      eta: 3,
      error: { code: 'x', message: nasty, detail: nasty },
      modelId: 'm',
      attempts: 1,
      startedAt: day(2),
      endedAt: day(3),
    };
    assert.deepEqual(await store().jobs.update('j', change), job('j', 'a', { stage: nasty, ...change }));
    await reopen();
    assert.deepEqual(await store().jobs.get('j'), job('j', 'a', { stage: nasty, ...change }));
  });
  it('changes a job only out of the states named', async () => {
    await store().bots.create(bot('a'));
    await store().jobs.create(job('j', 'a'));
    assert.equal(await store().jobs.update('j', { percent: 5 }, ['running', 'evaluating']), null);
    assert.equal((await store().jobs.get('j'))?.percent, 0);
    const taken = ['one', 'two'].map((stage) => store().jobs.update('j', { state: 'running', stage }, ['queued']));
    assert.deepEqual(
      (await Promise.all(taken)).map((job) => job?.stage),
      ['one', undefined],
    );
    assert.equal(await store().jobs.update('k', { percent: 5 }), null);
  });
  it('writes nothing for who holds an older fence of a job', async () => {
    await store().bots.create(bot('a'));
    await store().jobs.create(job('j', 'a'));
    const taken = { state: 'running' as const, fence: 2, trainer: 'host', device: 'cuda:0' };
    assert.deepEqual(await store().jobs.update('j', taken, ['queued']), job('j', 'a', taken));
    assert.equal(await store().jobs.update('j', { state: 'done', fence: 1 }, ['running']), null);
    await reopen();
    assert.deepEqual(await store().jobs.get('j'), job('j', 'a', taken));
    assert.equal((await store().jobs.update('j', { percent: 1, fence: 2 }))?.percent, 1);
    assert.equal((await store().jobs.update('j', { percent: 2 }))?.fence, 2);
  });
  it('lists the jobs of a bot newest first, later ones first among equal times', async () => {
    for (const appId of ['a', 'b']) await store().bots.create(bot(appId));
    for (const [id, n] of Object.entries({ j1: 1, j2: 2, j3: 2, j4: 3 })) {
      await store().jobs.create(job(id, 'a', { createdAt: day(n) }));
    }
    await store().jobs.create(job('other', 'b'));
    const list = (page: Page): Promise<Listed<TrainingJob>> => store().jobs.list('a', page);
    assert.deepEqual(
      (await walk(list, 3)).map(({ id }) => id),
      ['j4', 'j3', 'j2', 'j1'],
    );
    const first = await list({ limit: 1 });
    await store().jobs.create(job('j5', 'a', { createdAt: day(4) }));
    assert.deepEqual(
      (await walk(list, 1, first.next)).map(({ id }) => id),
      ['j3', 'j2', 'j1'],
    );
  });
  it('lists unfinished jobs of all bots oldest first', async () => {
    for (const appId of ['a', 'b']) await store().bots.create(bot(appId));
    const states = ['done', 'evaluating', 'queued', 'cancelled', 'running', 'failed', 'superseded', 'queued'] as const;
    for (const [n, state] of states.entries()) {
      await store().jobs.create(job(`j${n}`, n % 2 ? 'a' : 'b', { state, createdAt: day(n === 7 ? 0 : 1) }));
    }
    assert.deepEqual(
      (await store().jobs.unfinished()).map(({ id }) => id),
      ['j7', 'j1', 'j2', 'j4'],
    );
  });
  it('keeps the log lines of a job in order', async () => {
    await store().bots.create(bot('a'));
    await store().jobs.create(job('j', 'a'));
    await store().jobs.create(job('k', 'a'));
    await Promise.all([
      store().jobs.appendLog('j', ['1', nasty]),
      store().jobs.appendLog('k', ['other']),
      store().jobs.appendLog('j', ['3']),
    ]);
    await store().jobs.appendLog('j', []);
    await reopen();
    assert.deepEqual(await store().jobs.log('j'), ['1', nasty, '3']);
    assert.deepEqual(await store().jobs.log('unknown'), []);
  });
  it('adds, lists newest first, and removes models', async () => {
    for (const appId of ['a', 'b']) await store().bots.create(bot(appId));
    const full = model('m1', 'a', { archive: 'digest', bytes: 2 ** 40, trainSeconds: 1.5 });
    await store().models.add(full);
    await store().models.add(model('m2', 'a'));
    await store().models.add(model('m1', 'b'));
    await reopen();
    assert.deepEqual(await store().models.get('a', 'm1'), full);
    assert.deepEqual(await store().models.get('b', 'm1'), model('m1', 'b'));
    assert.equal(await store().models.get('b', 'm2'), null);
    const list = (page: Page): Promise<Listed<Model>> => store().models.list('a', page);
    assert.deepEqual(
      (await walk(list, 1)).map(({ id }) => id),
      ['m2', 'm1'],
    );
    const about = { by: nasty, rasa: '3.6.21', label: 'before the sale', scores: { right: 0.5 } };
    assert.deepEqual(await store().models.note('a', 'm1', about), { ...full, about });
    assert.equal(await store().models.note('a', 'nothing', about), null);
    await store().models.add(model('m3', 'a', { about }));
    await reopen();
    assert.deepEqual((await store().models.get('a', 'm1'))?.about, about);
    assert.deepEqual((await store().models.get('a', 'm3'))?.about, about);
    assert.deepEqual(await store().models.get('b', 'm1'), model('m1', 'b'));
    assert.equal(await store().models.remove('a', 'm1'), true);
    assert.equal(await store().models.remove('a', 'm1'), false);
    assert.notEqual(await store().models.get('b', 'm1'), null);
  });
  it('knows which digests models and jobs still name', async () => {
    await store().bots.create(bot('a'));
    await store().models.add(model('m1', 'a', { archive: 'archive', content: 'text' }));
    await store().jobs.create(job('j', 'a', { content: 'snapshot' }));
    for (const digest of ['archive', 'text', 'snapshot']) {
      assert.equal(await store().models.references(digest), true, digest);
    }
    await store().models.remove('a', 'm1');
    for (const digest of ['archive', 'text']) assert.equal(await store().models.references(digest), false, digest);
  });
}

function messageTests(store: () => Store, reopen: () => Promise<void>): void {
  beforeEach(() => store().bots.create(bot('a')));

  it('stores a message and gives it back exactly, whatever is in it', async () => {
    const incoming: IncomingMessage = {
      appId: 'a',
      channel: 'web',
      conversation: nasty,
      eventId: nasty,
      text: nasty.repeat(2000),
      payload: true,
      to: nasty,
      metadata: { [nasty]: [nasty, 1.5, null, { deep: true }], __proto__x: 1 },
    };
    const { message: stored, duplicate } = await store().conversations.receive(incoming);
    assert.equal(duplicate, false);
    const { id, number, receivedAt, ...rest } = stored;
    assert.equal(id.length > 0 && number > 0 && !Number.isNaN(Date.parse(receivedAt)), true);
    const untouched = {
      state: 'received',
      error: null,
      replies: [],
      intent: null,
      confidence: null,
      delivered: false,
      maybeTwice: false,
      ms: null,
    };
    assert.deepEqual(rest, { ...incoming, ...untouched });
    await reopen();
    assert.deepEqual((await store().conversations.messages('a', nasty, { limit: 5 })).items, [stored]);
  });
  it('recognises the same event, also when both come at once and after a restart', async () => {
    const twice = await Promise.all(
      [message('a', 'e'), message('a', 'e')].map((m) => store().conversations.receive(m)),
    );
    assert.deepEqual(
      twice.map(({ duplicate }) => duplicate),
      [false, true],
    );
    assert.deepEqual(twice[1]?.message, twice[0]?.message);
    await store().conversations.settle(twice[0]?.message.id ?? '', {
      state: 'answered',
      replies: [{ recipient_id: 'x', text: 'y' }],
    });
    await reopen();
    const again = await store().conversations.receive(message('a', 'e', { text: 'other' }));
    assert.equal(again.duplicate, true);
    assert.deepEqual(
      [again.message.text, again.message.state, again.message.replies[0]?.text],
      ['hello', 'answered', 'y'],
    );
  });
  it('keeps events apart by bot, channel and id, down to a lone surrogate', async () => {
    await store().bots.create(bot('b'));
    const ids = ['e', 'E', 'e\0', '\ud800', '\ud801', '\ufffd', '\x10d800', 'é', 'e\u0301'];
    const all = [message('b', 'e'), message('a', 'e', { channel: 'slack' }), ...ids.map((id) => message('a', id))];
    const outcomes = await Promise.all(all.map((one) => store().conversations.receive(one)));
    assert.deepEqual(
      outcomes.map(({ duplicate }) => duplicate),
      all.map(() => false),
    );
  });
  it('numbers the messages of a conversation in the order received', async () => {
    const order = ['x', 'y', 'x', 'x', 'y'];
    const stored = await Promise.all(
      order.map((conversation, n) => store().conversations.receive(message('a', `e${n}`, { conversation }))),
    );
    const x = stored.filter(({ message }) => message.conversation === 'x').map(({ message }) => message.number);
    assert.deepEqual(
      x,
      [...new Set(x)].sort((a, b) => a - b),
    );
    const page = await store().conversations.messages('a', 'x', { limit: 9 });
    assert.deepEqual(
      page.items.map(({ eventId }) => eventId),
      ['e0', 'e2', 'e3'],
    );
  });
  it('records what became of a message and keeps the rest', async () => {
    const { message: stored } = await store().conversations.receive(message('a', 'e'));
    const replies = [{ recipient_id: 'r', text: nasty, custom: { a: [nasty] }, metadata: { engine: 'lite' as const } }];
    const turn = {
      entities: [{ entity: nasty }],
      slots: { [nasty]: [null] },
      actions: ['utter_x'],
      model: 'm',
      node: 'n',
    };
    await store().conversations.settle(stored.id, {
      state: 'answered',
      replies,
      intent: 'faq/x',
      confidence: 0.123456789,
      ms: 12,
      turn,
    });
    await store().conversations.settle(stored.id, { delivered: true });
    await reopen();
    const { items } = await store().conversations.messages('a', 'c', { limit: 1 });
    const expected = {
      state: 'answered',
      replies,
      intent: 'faq/x',
      confidence: 0.123456789,
      ms: 12,
      turn,
      delivered: true,
    };
    assert.deepEqual(items, [{ ...stored, ...expected }]);
    await rejects(store().conversations.settle('999999', { delivered: true }), 'not_found');
  });
  it('answers what has no outcome yet in the order received', async () => {
    const ids: string[] = [];
    for (const n of [0, 1, 2, 3, 4]) {
      ids.push((await store().conversations.receive(message('a', `e${n}`, { conversation: `c${n % 2}` }))).message.id);
    }
    const settle = (n: number, change: MessageChange): Promise<unknown> =>
      store().conversations.settle(ids[n] ?? '', change);
    await settle(3, { replies: [{ recipient_id: 'x', text: 'an apology' }] });
    await settle(0, { state: 'answered', delivered: true });
    await settle(1, { state: 'failed', error: nasty });
    await reopen();
    assert.deepEqual(
      (await walk((page) => store().conversations.unsettled(page), 2)).map(({ id }) => id),
      [ids[2], ids[3], ids[4]],
    );
    const waiting = async (conversation: string) =>
      (await store().conversations.waiting('a', conversation)).map(({ id }) => id);
    assert.deepEqual([await waiting('c0'), await waiting('c1'), await waiting('c9')], [[ids[2], ids[4]], [ids[3]], []]);
    const settled = await store().conversations.get(ids[1] ?? '');
    assert.deepEqual([settled?.id, settled?.state, settled?.error], [ids[1], 'failed', nasty]);
    assert.equal(await store().conversations.get('999999'), null);
  });
  it('changes only what a settlement names', async () => {
    const { id } = (await store().conversations.receive(message('a', 'e'))).message;
    await store().conversations.settle(id, { state: 'failed', error: nasty, intent: 'x', confidence: 0.5, ms: 3 });
    await store().conversations.settle(id, { error: null, delivered: true });
    const [after] = (await store().conversations.messages('a', 'c', { limit: 1 })).items;
    const { state, error, intent, confidence, ms, delivered } = after!;
    assert.deepEqual([state, error, intent, confidence, ms, delivered], ['failed', null, 'x', 0.5, 3, true]);
  });
}

/** `setDay`: moves the store's clock. */
function expiryTests(store: () => Store, setDay: (n: number) => void): void {
  const answer = async (event: string, more: Partial<IncomingMessage> = {}, then: Aftermath = {}) => {
    const { message: one } = await store().conversations.receive(message('a', event, more));
    const replies = then.send ?? [];
    return store().conversations.settle(one.id, { state: 'answered', replies, delivered: !then.send }, then);
  };
  const left = async (conversation: string): Promise<string[]> =>
    (await store().conversations.messages('a', conversation, { limit: 99 })).items.map(({ eventId }) => eventId);
  /** Removes all that is older than that day, two at a time. */
  const expire = async (n: number): Promise<number> => {
    let removed = 0;
    let cursor: string | undefined;
    do {
      const step = await store().conversations.expire({ before: day(n), bots: {} }, { limit: 2, cursor });
      removed += step.removed;
      cursor = step.next ?? undefined;
    } while (cursor !== undefined);
    return removed;
  };
  beforeEach(async () => {
    await store().bots.create(bot('a'));
    setDay(1);
  });

  it('are removed, oldest first, and the conversation shows what is left', async () => {
    for (const n of [1, 2, 3, 4]) {
      setDay(n);
      await answer(`e${n}`);
    }
    assert.equal(await expire(1), 0);
    assert.equal(await expire(3), 2);
    assert.deepEqual(await left('c'), ['e3', 'e4']);
    const [{ messages, firstAt, lastAt } = { messages: 0, firstAt: '', lastAt: '' }] = (
      await store().conversations.list('a', { limit: 9 })
    ).items;
    assert.deepEqual([messages, firstAt, lastAt], [2, day(3), day(4)]);
    setDay(5);
    await answer('e5');
    assert.deepEqual(await left('c'), ['e3', 'e4', 'e5']);
    assert.equal((await store().conversations.list('a', { limit: 9 })).items[0]!.messages, 3);
  });
  it('take their conversation and what the bot remembers of it with them, and no other', async () => {
    for (const conversation of ['old', 'new']) {
      setDay(conversation === 'old' ? 1 : 4);
      await answer(conversation, { conversation });
      await store().trackers.append('a', conversation, 0, [{ event: 'user' }, { event: 'bot' }]);
    }
    assert.equal(await expire(2), 1);
    const talks = (await store().conversations.list('a', { limit: 9 })).items;
    assert.deepEqual(
      talks.map(({ id }) => id),
      ['new'],
    );
    assert.deepEqual(await store().trackers.senders('a'), ['new']);
    assert.equal(await store().trackers.append('a', 'old', 0, [{ event: 'user' }]), true, 'it begins anew');
    await answer('again', { conversation: 'old' });
    assert.deepEqual(await left('old'), ['again']);
  });
  it('are those that are too old for their own bot, where it says how long, and for the hub otherwise', async () => {
    await store().bots.create(bot('b'));
    for (const appId of ['a', 'b']) {
      for (const n of [1, 2, 3]) {
        setDay(n);
        const { message: one } = await store().conversations.receive(message(appId, `e${n}`));
        await store().conversations.settle(one.id, { state: 'answered', delivered: true });
      }
    }
    const page = { limit: 99 };
    const count = async (appId: string) => (await store().conversations.messages(appId, 'c', page)).items.length;
    const sweep = async (before: string | null, bots: Record<string, string>) =>
      (await store().conversations.expire({ before, bots }, page)).removed;
    assert.deepEqual([await sweep(null, {}), await sweep(day(2), { b: day(1) })], [0, 1]);
    assert.deepEqual([await sweep(null, { b: day(3) }), await count('a'), await count('b')], [2, 2, 1]);
  });
  it('stay while there is something to do, and do not keep others', async () => {
    await store().conversations.receive(message('a', 'unanswered'));
    const [entry] = await answer('unsent', {}, { send: say('one') });
    await answer('done');
    const { message: failed } = await store().conversations.receive(message('a', 'dead'));
    await store().conversations.settle(failed.id, { state: 'failed', error: 'x' }, { bury: { attempts: 1 } });
    setDay(9);
    assert.equal(await expire(9), 2);
    assert.deepEqual(await left('c'), ['unanswered', 'unsent']);
    assert.deepEqual((await store().deadLetters.list({ limit: 9 })).items, []);
    await store().outbox.sent(entry!);
    assert.equal(await expire(9), 1);
    assert.deepEqual(await left('c'), ['unanswered']);
  });
}

const say = (...texts: string[]): BotMessage[] => texts.map((text) => ({ recipient_id: 'r', text }));

function outboxTests(store: () => Store, reopen: () => Promise<void>): void {
  let stored: StoredMessage;
  const pending = (limit = 100) => walk((page) => store().outbox.pending(page), limit);
  const letters = (appId?: string) => walk((page) => store().deadLetters.list(page, appId), 2);
  const logged = async () => (await store().conversations.messages('a', 'c', { limit: 100 })).items;
  const parts = (entries: OutboxEntry[]) => entries.map(({ part, reply }) => [part, reply.text]);
  /** The entries of a new message, answered with these texts. */
  const answered = async (event: string, ...texts: string[]): Promise<OutboxEntry[]> => {
    const { message: one } = await store().conversations.receive(message('a', event, { to: nasty }));
    return store().conversations.settle(one.id, { state: 'answered', replies: say(...texts) }, { send: say(...texts) });
  };
  beforeEach(async () => {
    for (const appId of ['a', 'b']) await store().bots.create(bot(appId));
    stored = (await store().conversations.receive(message('a', 'e', { to: nasty, text: nasty }))).message;
  });

  it('puts replies in with the outcome, addressed as the message was, in order, and keeps them', async () => {
    const replies = [...say('sorry', 'one'), { recipient_id: 'r', custom: { [nasty]: [nasty] } }];
    const entries = await store().conversations.settle(
      stored.id,
      { state: 'answered', replies },
      { send: replies.slice(1) },
    );
    const address = { messageId: stored.id, appId: 'a', channel: 'web', conversation: 'c', to: nasty };
    const fresh = { attempts: 0, maybeSent: false, error: null, hold: null };
    const expected = [1, 2].map((part, n) => ({ ...entries[n], ...address, part, reply: replies[part], ...fresh }));
    assert.deepEqual(entries, expected);
    assert.deepEqual(await store().outbox.of(stored.id), expected);
    assert.deepEqual(await store().outbox.of('999999'), []);
    await answered('e2', 'two');
    await reopen();
    assert.deepEqual((await pending()).slice(0, 2), expected);
    assert.deepEqual(parts(await pending(1)), [
      [1, 'one'],
      [2, undefined],
      [0, 'two'],
    ]);
  });
  it('marks a message as delivered when its last reply has left, not before', async () => {
    const [one, two] = await answered('e2', 'one', 'two');
    await store().outbox.sent(one!);
    assert.equal((await logged())[1]!.delivered, false);
    await store().outbox.sent(two!);
    await store().outbox.sent(two!);
    await reopen();
    const [, after] = await logged();
    assert.deepEqual([after!.delivered, after!.maybeTwice], [true, false]);
    assert.deepEqual(await pending(), []);
  });
  it('does not count an apology that has left as an answer', async () => {
    const [apology] = await store().conversations.settle(stored.id, { replies: say('sorry') }, { send: say('sorry') });
    await store().outbox.sent(apology!);
    const [after] = await logged();
    assert.deepEqual([after!.state, after!.delivered], ['received', false]);
  });
  it('does not count an apology that leaves after its answer was dropped', async () => {
    const [apology] = await store().conversations.settle(stored.id, { replies: say('sorry') }, { send: say('sorry') });
    const dropped = { state: 'answered', error: 'late', replies: say('sorry', 'one'), delivered: false } as const;
    await store().conversations.settle(stored.id, dropped);
    await store().outbox.sent(apology!);
    const [after] = await logged();
    assert.deepEqual([after!.state, after!.delivered], ['answered', false]);
  });
  it('marks a message whose reply may have left twice', async () => {
    const [entry] = await answered('e2', 'one');
    await store().outbox.sent({ ...entry!, maybeSent: true });
    assert.deepEqual(
      (await logged()).map(({ maybeTwice }) => maybeTwice),
      [false, true],
    );
  });
  it('keeps what a failed sending noted', async () => {
    const [entry] = await answered('e2', 'one');
    const hold = { until: Date.UTC(2030, 1, 1) + 0.5, scope: 'bot' } as const;
    const noted = { ...entry!, attempts: 3, maybeSent: true, error: nasty, hold };
    await store().outbox.retry(noted);
    await reopen();
    assert.deepEqual(await pending(), [noted]);
    await store().outbox.retry({ ...noted, hold: null });
    assert.equal((await pending())[0]!.hold, null);
  });
  it('keeps a reply that was given up until it is replayed, at the end of the line, or discarded', async () => {
    const [one, two] = await answered('e2', 'one', 'two');
    await store().outbox.bury({ ...one!, attempts: 4, error: nasty, maybeSent: true });
    await store().outbox.bury({ ...one!, attempts: 4, error: nasty, maybeSent: true });
    await store().outbox.sent(two!);
    await answered('e3', 'three');
    await reopen();
    assert.equal((await logged())[1]!.delivered, false, 'not all of it was delivered');
    const [letter, ...others] = await letters();
    assert.deepEqual(others, []);
    const { messageId } = one!;
    const shown = { kind: 'reply', appId: 'a', channel: 'web', conversation: 'c', messageId, text: 'hello' };
    assert.deepEqual(letter, { ...letter, ...shown, reply: say('one')[0], error: nasty, attempts: 4 });
    assert.deepEqual(await store().deadLetters.get(letter.id), letter);
    const revived = await store().deadLetters.revive(letter.id);
    assert.deepEqual(
      (await pending()).map(({ reply, attempts, maybeSent }) => [reply.text, attempts, maybeSent]),
      [
        ['three', 0, false],
        ['one', 0, true],
      ],
    );
    assert.deepEqual(revived, { entry: (await pending())[1] });
    assert.equal(await store().deadLetters.revive(letter.id), null);
    assert.equal(await store().deadLetters.get(letter.id), null);
    await store().outbox.bury((await pending())[1]!);
    const [again] = await letters();
    assert.equal(await store().deadLetters.discard(again!.id), true);
    assert.equal(await store().deadLetters.discard(again!.id), false);
    assert.deepEqual(
      (await pending()).map(({ reply }) => reply.text),
      ['three'],
    );
  });
  it('keeps a turn that was given up, and makes it a message to answer again', async () => {
    const failed = { state: 'failed', error: nasty, replies: say('sorry') } as const;
    const entries = await store().conversations.settle(
      stored.id,
      { ...failed, replies: say('sorry') },
      { send: say('sorry'), bury: { attempts: 2 } },
    );
    assert.deepEqual(parts(entries), [[0, 'sorry']]);
    assert.deepEqual(await store().conversations.unsettled({ limit: 9 }), { items: [], next: null });
    const [letter] = await letters('a');
    const { kind, text, reply, error, attempts } = letter!;
    assert.deepEqual([kind, text, reply, error, attempts], ['turn', nasty, null, nasty, 2]);
    const revived = await store().deadLetters.revive(letter!.id);
    const message = { ...stored, replies: say('sorry') };
    assert.deepEqual(revived, { message });
    assert.deepEqual((await store().conversations.unsettled({ limit: 9 })).items, [message]);
    assert.deepEqual(await letters(), []);
    assert.deepEqual((await store().conversations.receive(message)).duplicate, true);
  });
  it('lists dead letters newest first, of one bot or of all', async () => {
    for (const [n, appId] of ['a', 'b', 'a'].entries()) {
      const { id } = (await store().conversations.receive(message(appId, `f${n}`, { text: `t${n}` }))).message;
      await store().conversations.settle(id, { state: 'failed', error: 'x' }, { bury: { attempts: 2 } });
    }
    assert.deepEqual(
      (await letters()).map(({ text }) => text),
      ['t2', 't1', 't0'],
    );
    assert.deepEqual(
      (await letters('a')).map(({ text }) => text),
      ['t2', 't0'],
    );
    assert.deepEqual(await letters('nobody'), []);
    assert.equal(await store().deadLetters.get('nonsense'), null);
  });
  it('writes nothing of a settlement whose message is gone', async () => {
    await rejects(
      store().conversations.settle('999999', { replies: say('x') }, { send: say('x'), bury: { attempts: 1 } }),
      'not_found',
    );
    assert.deepEqual([await pending(), await letters()], [[], []]);
  });
}

function conversationTests(store: () => Store): void {
  it('lists conversations by latest activity and counts their messages', async () => {
    for (const appId of ['a', 'b']) await store().bots.create(bot(appId));
    const talk = ['x', 'y', 'z', 'x'];
    for (const [n, conversation] of talk.entries()) {
      await store().conversations.receive(message('a', `e${n}`, { conversation }));
    }
    await store().conversations.receive(message('a', 'e0', { conversation: 'x' }));
    await store().conversations.receive(message('b', 'e', { conversation: 'elsewhere' }));
    const { items } = await store().conversations.list('a', { limit: 9 });
    assert.deepEqual(
      items.map(({ id, messages }) => [id, messages]),
      [
        ['x', 2],
        ['z', 1],
        ['y', 1],
      ],
    );
    const [x] = items;
    assert.equal(x?.channel, 'web');
    assert.equal(x.firstAt <= x.lastAt, true);
  });
  it('pages through conversations and messages while new ones come in, showing none twice', async () => {
    await store().bots.create(bot('a'));
    for (let n = 0; n < 6; n++) await store().conversations.receive(message('a', `e${n}`, { conversation: `c${n}` }));
    const first = await store().conversations.list('a', { limit: 2 });
    await store().conversations.receive(message('a', 'new', { conversation: 'c5' }));
    await store().conversations.receive(message('a', 'new2', { conversation: 'fresh' }));
    const rest = await walk((page) => store().conversations.list('a', page), 2, first.next);
    assert.deepEqual(
      [...first.items, ...rest].map(({ id }) => id),
      ['c5', 'c4', 'c3', 'c2', 'c1', 'c0'],
    );
    const early = await store().conversations.messages('a', 'c5', { limit: 1 });
    await store().conversations.receive(message('a', 'new3', { conversation: 'c5' }));
    const late = await walk((page) => store().conversations.messages('a', 'c5', page), 1, early.next);
    assert.deepEqual(
      [...early.items, ...late].map(({ eventId }) => eventId),
      ['e5', 'new', 'new3'],
    );
  });
  it('answers the newest messages of a conversation, oldest first', async () => {
    await store().bots.create(bot('a'));
    for (let n = 0; n < 4; n++) await store().conversations.receive(message('a', `e${n}`));
    await store().conversations.receive(message('a', 'other', { conversation: 'd' }));
    const newest = async (count: number): Promise<string[]> =>
      (await store().conversations.latest('a', 'c', count)).map(({ eventId }) => eventId);
    assert.deepEqual(await newest(3), ['e1', 'e2', 'e3']);
    assert.deepEqual(await newest(9), ['e0', 'e1', 'e2', 'e3']);
    assert.deepEqual(await store().conversations.latest('a', 'unknown', 3), []);
  });
}

function trackerTests(store: () => Store, reopen: () => Promise<void>): void {
  const event = (n: number): Json => ({ event: 'user', text: `${nasty}${n}`, timestamp: 1700000000.123456 + n });
  const started: Json[] = [
    { event: 'action', name: 'action_session_start' },
    { event: 'session_started' },
    { event: 'action', name: 'action_listen' },
  ];

  it('answers null for a sender it does not know', async () => {
    await store().bots.create(bot('a'));
    assert.equal(await store().trackers.read('a', 's', true), null);
    assert.equal(await store().trackers.read('x', 's', false), null);
  });
  it('appends events at their place, and nothing at another', async () => {
    await store().bots.create(bot('a'));
    assert.equal(await store().trackers.append('a', nasty, 1, [event(0)]), false);
    assert.equal(await store().trackers.read('a', nasty, true), null);
    assert.equal(await store().trackers.append('a', nasty, 0, [event(0), event(1)]), true);
    assert.equal(await store().trackers.append('a', nasty, 0, [event(9)]), false);
    assert.equal(await store().trackers.append('a', nasty, 3, [event(9)]), false);
    assert.equal(await store().trackers.append('a', nasty, 2, []), true);
    const both = await Promise.all([2, 2].map((from) => store().trackers.append('a', nasty, from, [event(2)])));
    assert.deepEqual(both, [true, false]);
    await reopen();
    assert.deepEqual(await store().trackers.read('a', nasty, true), {
      offset: 0,
      events: [event(0), event(1), event(2)],
    });
  });
  it('reads from the last start of a session on, with the action that started it', async () => {
    await store().bots.create(bot('a'));
    const { trackers } = store();
    await trackers.append('a', 's', 0, [...started, event(1)]);
    assert.deepEqual(await trackers.read('a', 's', false), { offset: 0, events: [...started, event(1)] });
    await trackers.append('a', 's', 4, started.slice(0, 1));
    await trackers.append('a', 's', 5, [...started.slice(1), event(2)]);
    assert.deepEqual(await trackers.read('a', 's', false), { offset: 4, events: [...started, event(2)] });
    assert.equal((await trackers.read('a', 's', true))?.events.length, 8);
    await trackers.append('a', 's', 8, [{ event: 'session_started' }, event(3)]);
    assert.deepEqual(await trackers.read('a', 's', false), {
      offset: 8,
      events: [{ event: 'session_started' }, event(3)],
    });
  });
  it('reads everything when no session ever started', async () => {
    await store().bots.create(bot('a'));
    await store().trackers.append('a', 's', 0, [event(0), event(1)]);
    assert.deepEqual(await store().trackers.read('a', 's', false), { offset: 0, events: [event(0), event(1)] });
  });
  it('appends at the end, wherever that is, and to a tracker that is not there yet', async () => {
    await store().bots.create(bot('a'));
    await store().trackers.extend('a', nasty, [event(0)]);
    assert.equal(await store().trackers.append('a', nasty, 1, [event(1)]), true);
    await Promise.all([2, 3].map((n) => store().trackers.extend('a', nasty, [event(n)])));
    await store().trackers.replace('a', 's', [event(5)]);
    await store().trackers.extend('a', 's', [event(6)]);
    await reopen();
    assert.deepEqual((await store().trackers.read('a', nasty, true))?.events, [0, 1, 2, 3].map(event));
    assert.deepEqual((await store().trackers.read('a', 's', true))?.events, [5, 6].map(event));
    await rejects(store().trackers.extend('nobody', 's', [event(0)]), 'not_found');
  });
  it('replaces a tracker as a whole', async () => {
    await store().bots.create(bot('a'));
    await store().trackers.append('a', 's', 0, [...started, event(1)]);
    await store().trackers.replace('a', 's', [event(7)]);
    assert.deepEqual(await store().trackers.read('a', 's', false), { offset: 0, events: [event(7)] });
    assert.equal(await store().trackers.append('a', 's', 1, [event(8)]), true);
    await store().trackers.replace('a', 's', []);
    assert.deepEqual(await store().trackers.read('a', 's', true), { offset: 0, events: [] });
    await store().trackers.replace('a', 'new', [event(1)]);
    assert.deepEqual((await store().trackers.senders('a')).sort(), ['new', 's']);
    assert.deepEqual(await store().trackers.senders('b'), []);
  });
}

function channelTests(store: () => Store, reopen: () => Promise<void>): void {
  const record = (channel: string, more: Partial<ChannelRecord> = {}): ChannelRecord => ({
    appId: 'a',
    channel,
    settings: { apiUrl: 'https://x.example', nasty, list: [1, { deep: null }] },
    secrets: 'v1.sealed',
    updatedAt: day(1),
    ...more,
  });
  beforeEach(async () => {
    for (const appId of ['a', 'b']) await store().bots.create(bot(appId));
  });

  it('keeps the settings of each bot and channel, the newest whole', async () => {
    await store().channels.put(record('slack', { settings: { old: true } }));
    await store().channels.put(record('slack'));
    await store().channels.put(record('web', { secrets: null }));
    await store().channels.put(record('slack', { appId: 'b', secrets: null }));
    await reopen();
    assert.deepEqual(await store().channels.get('a', 'slack'), record('slack'));
    assert.deepEqual(await store().channels.list('a'), [record('slack'), record('web', { secrets: null })]);
    assert.deepEqual([await store().channels.get('b', 'web'), await store().channels.list('nobody')], [null, []]);
  });
  it('removes them once, and with their bot', async () => {
    await store().channels.put(record('slack'));
    assert.deepEqual(
      [await store().channels.remove('a', 'slack'), await store().channels.remove('a', 'slack')],
      [true, false],
    );
    await store().channels.put(record('slack'));
    await store().channels.note('a', 'slack', { lastEventAt: day(1) });
    await store().bots.delete('a');
    await store().bots.create(bot('a'));
    assert.deepEqual([await store().channels.list('a'), (await store().channels.health('a')).size], [[], 0]);
  });
  it('keeps no settings and no notes of a bot that is not there', async () => {
    await rejects(store().channels.put(record('slack', { appId: 'nobody' })), 'not_found');
    await store().channels.note('nobody', 'slack', { lastEventAt: day(1) });
    assert.equal((await store().channels.health('nobody')).size, 0);
  });
  it('notes what is given and leaves the rest', async () => {
    await store().channels.note('a', 'slack', { lastEventAt: day(1) });
    await store().channels.note('a', 'slack', { lastError: nasty, lastErrorAt: day(2) });
    await store().channels.note('a', 'slack', { lastEventAt: day(3) });
    await store().channels.note('b', 'web', { lastEventAt: day(4) });
    await reopen();
    const health = { lastEventAt: day(3), lastErrorAt: day(2), lastError: nasty };
    assert.deepEqual([...(await store().channels.health('a'))], [['slack', health]]);
  });
}

/** Asserts that `promise` rejects with this code. */
export async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, { name: 'HubError', code });
}

export function bot(appId: string, more: Partial<Bot> = {}): Bot {
  return {
    appId,
    name: appId,
    language: 'en',
    template: 'faq',
    pipeline: 'semantic',
    engine: 'rasa',
    remoteUrl: null,
    threshold: null,
    activeModel: null,
    runtime: null,
    lateAnswers: 'send',
    instances: { min: 0, max: 1 },
    createdAt: day(1),
    updatedAt: day(1),
    ...more,
  };
}

export function job(id: string, appId: string, more: Partial<TrainingJob> = {}): TrainingJob {
  return {
    id,
    appId,
    content: `content-of-${appId}`,
    state: 'queued',
    percent: 0,
    stage: 'waiting',
    eta: null,
    error: null,
    modelId: null,
    attempts: 0,
    fence: 0,
    trainer: null,
    device: null,
    createdAt: day(1),
    startedAt: null,
    endedAt: null,
    ...more,
  };
}

export function message(appId: string, eventId: string, more: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    appId,
    channel: 'web',
    conversation: 'c',
    eventId,
    text: 'hello',
    payload: false,
    to: 't',
    metadata: {},
    ...more,
  };
}

function model(id: string, appId: string, more: Partial<Model> = {}): Model {
  const fixed = { jobId: 'j', engine: 'rasa', pipeline: 'semantic', archive: null, bytes: 0, trainSeconds: 0 } as const;
  return { id, appId, content: `content-of-${appId}`, createdAt: day(1), ...fixed, ...more };
}

export function day(n: number): string {
  return new Date(Date.UTC(2024, 0, 1 + n)).toISOString();
}

async function count(store: Store): Promise<number> {
  return (await store.bots.list({ limit: 100 })).items.length;
}

/** All items from `cursor` on, page by page. */
export async function walk<T>(
  list: (page: Page) => Promise<Listed<T>>,
  limit: number,
  cursor?: string | null,
): Promise<T[]> {
  const items: T[] = [];
  let next = cursor;
  do {
    const page = await list(next ? { limit, cursor: next } : { limit });
    assert.equal(page.items.length <= limit, true);
    items.push(...page.items);
    next = page.next;
  } while (next !== null);
  return items;
}

async function fill(store: Store, appId: string): Promise<void> {
  await store.bots.create(bot(appId));
  await store.faq.put(appId, [{ id: '1', questions: ['q'], answer: 'a' }]);
  await store.files.write(appId, [{ path: 'config.yml', content: 'x' }]);
  await store.jobs.create(job(`job-of-${appId}`, appId));
  await store.jobs.appendLog(`job-of-${appId}`, ['line']);
  await store.models.add(model('m', appId));
  await store.conversations.receive(message(appId, 'e'));
  await store.trackers.append(appId, 's', 0, [{ event: 'session_started' }]);
  await store.care.change(appId, 'c', { state: 'waiting', tags: ['x'] });
  await store.parses.add([{ appId, channel: 'api', node: null, status: 'answered', ms: 1, at: day(1) }]);
  await store.documents.put(appId, 'd', { of: appId });
}

/** All that belongs to a bot. */
async function contents(store: Store, appId: string): Promise<unknown[]> {
  const page = { limit: 10 };
  return Promise.all([
    store.faq.get(appId),
    store.files.read(appId),
    store.jobs.list(appId, page),
    store.jobs.log(`job-of-${appId}`),
    store.models.list(appId, page),
    store.conversations.list(appId, page),
    store.conversations.messages(appId, 'c', page),
    store.trackers.senders(appId),
    store.trackers.read(appId, 's', true),
    walk((one) => store.log.conversations(appId, {}, one), 10),
    walk((one) => store.log.requests({ appId }, one), 10),
    store.documents.list(appId),
  ]);
}

async function emptyContents(store: Store): Promise<unknown[]> {
  return contents(store, 'a bot that never was');
}
