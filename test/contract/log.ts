/** What every store must do with what was said: search it, keep what people do about it, and erase it. */
import assert from 'node:assert/strict';
import type {
  CareChange,
  IncomingMessage,
  LogFilter,
  MessageChange,
  RequestFilter,
  Store,
} from '../../src/contracts.js';
import { changeDocument } from '../../src/documents.js';
import { bot, day, message, nasty, rejects, walk } from './store.js';

const everything = 100;

/** `setDay`: moves the store's clock. */
export function logTests(store: () => Store, reopen: () => Promise<void>, setDay: (n: number) => void): void {
  /** A message in conversation `c`, answered; channel, intent and the rest as named. */
  const said = async (c: string, more: Partial<IncomingMessage> = {}, change: MessageChange = {}): Promise<string> => {
    const { message: one } = await store().conversations.receive(
      message('a', nextEvent(), { conversation: c, ...more }),
    );
    await store().conversations.settle(one.id, { state: 'answered', ms: 5, delivered: true, ...change });
    return one.id;
  };
  let events = 0;
  const nextEvent = (): string => `e${(events += 1)}`;
  const found = async (filter: LogFilter, limit = everything): Promise<string[]> =>
    (await walk((page) => store().log.conversations('a', filter, page), limit)).map(({ id }) => id);
  beforeEach(async () => {
    setDay(1);
    for (const appId of ['a', 'b']) await store().bots.create(bot(appId));
  });

  it('finds conversations by what was said in them, latest activity first', async () => {
    await said('c1', { channel: 'web', text: 'Where is my ORDER?' }, { intent: 'faq/order', confidence: 0.9 });
    await said(
      'c2',
      { channel: 'slack', text: 'x' },
      { intent: 'faq', confidence: 0.2, replies: [{ recipient_id: 'r', text: 'a "quoted" 100%_ reply' }] },
    );
    await said('c3', { text: nasty }, { intent: 'faqs', confidence: 0.5 });
    await said('c1', { text: '你好' });
    await store().conversations.receive(message('b', 'e', { conversation: 'other', text: 'order' }));
    await reopen();
    assert.deepEqual(await found({}), ['c1', 'c3', 'c2']);
    assert.deepEqual(await found({ channel: 'slack' }), ['c2']);
    assert.deepEqual(await found({ intent: 'faq' }), ['c1', 'c2']);
    assert.deepEqual(await found({ intent: 'faq/order' }), ['c1']);
    assert.deepEqual(await found({ minConfidence: 0.5 }), ['c1', 'c3']);
    assert.deepEqual(await found({ maxConfidence: 0.5 }), ['c3', 'c2']);
    assert.deepEqual(await found({ intent: 'faq', maxConfidence: 0.5 }), ['c2'], 'one message must fit it all');
    assert.deepEqual(await found({ text: 'my order' }), ['c1']);
    assert.deepEqual(await found({ text: '你' }), ['c1']);
    assert.deepEqual(await found({ text: '"quoted" 100%_ R' }), ['c2']);
    assert.deepEqual(await found({ text: '%' }), ['c3', 'c2']);
    assert.deepEqual(await found({ text: 'nothing of the kind' }), []);
    const [first] = (await store().log.conversations('a', {}, { limit: 1 })).items;
    assert.deepEqual([first?.messages, first?.channel, first?.care.state], [2, 'web', 'bot']);
  });
  it('finds conversations by their last activity', async () => {
    for (const n of [1, 2, 3]) {
      setDay(n);
      await said(`c${n}`);
    }
    setDay(4);
    await said('c1');
    assert.deepEqual(await found({ from: day(2), to: day(3) }), ['c3', 'c2']);
    assert.deepEqual(await found({ from: day(4) }), ['c1']);
    assert.deepEqual(await found({ to: day(2) }), ['c2']);
    assert.deepEqual([await found({ from: day(5) }), await found({ to: day(0) })], [[], []]);
  });
  it('pages through what fits, whatever comes meanwhile', async () => {
    for (const n of [1, 2, 3, 4, 5, 6]) await said(`c${n}`, {}, { intent: n % 2 ? 'odd' : 'even' });
    assert.deepEqual(await found({ intent: 'odd' }, 2), ['c5', 'c3', 'c1']);
    assert.deepEqual(await found({}, 1), ['c6', 'c5', 'c4', 'c3', 'c2', 'c1']);
    const first = await store().log.conversations('a', {}, { limit: 2 });
    await said('c7');
    const rest = await walk((page) => store().log.conversations('a', {}, page), 2, first.next);
    // How much of it a page shows depends on how quick the store is.
    assert.deepEqual(
      [...first.items, ...rest].map(({ id }) => id),
      ['c6', 'c5', 'c4', 'c3', 'c2', 'c1'],
    );
    assert.ok(first.items.length >= 1 && first.items.length <= 2);
    await rejects(store().log.requests({}, { limit: 1, cursor: first.next ?? '' }), 'invalid');
  });
  it('keeps what people do about a conversation, and finds it by that', async () => {
    for (const n of [1, 2, 3]) await said(`c${n}`);
    const { care } = store();
    assert.equal(await care.get('a', 'nobody'), null);
    assert.equal(await care.change('a', 'nobody', { review: 'reviewed' }), null);
    const note = { at: day(1), by: nasty, text: nasty };
    const held: CareChange = { state: 'held', agent: nasty, since: day(1), returnAt: day(2) };
    await care.change('a', 'c1', { state: 'waiting', since: day(1) });
    await care.change('a', 'c2', held);
    await Promise.all([care.change('a', 'c2', { tags: ['x', nasty] }), care.change('a', 'c2', { note })]);
    await care.change('a', 'c3', { review: 'saved_for_later', assignee: 'Ann' });
    await reopen();
    const kept = (await store().care.get('a', 'c2'))?.care;
    assert.deepEqual(kept, { ...held, assignee: null, review: 'unread', tags: ['x', nasty], notes: [note] });
    assert.deepEqual(
      (await store().care.active())
        .map(({ appId, conversation, care: { state } }) => [appId, conversation, state])
        .sort(),
      [
        ['a', 'c1', 'waiting'],
        ['a', 'c2', 'held'],
      ],
    );
    assert.deepEqual([await found({ waiting: true }), await found({ waiting: false })], [['c1'], ['c3', 'c2']]);
    assert.deepEqual([await found({ tag: nasty }), await found({ tag: 'y' })], [['c2'], []]);
    assert.deepEqual([await found({ agent: nasty }), await found({ review: 'unread' })], [['c2'], ['c2', 'c1']]);
    assert.deepEqual(await found({ review: 'saved_for_later' }), ['c3']);
    await store().care.change('a', 'c1', { state: 'bot' });
    assert.deepEqual([await found({ waiting: true }), (await store().care.active()).length], [[], 1]);
  });
  it('lists messages and parses together, newest first', async () => {
    const parse = (n: number, appId = 'a') =>
      ({ appId, channel: 'api', node: null, status: 'failed', ms: 1, at: day(n) }) as const;
    for (const n of [1, 3]) {
      setDay(n);
      await said('c', { channel: 'web' }, { turn: { node: 'far', trace: `${n}`.repeat(32) } });
    }
    await store().parses.add([parse(2), parse(3), parse(4, 'b'), parse(5, 'nobody')]);
    await reopen();
    const listed = async (filter: RequestFilter, limit: number): Promise<unknown[]> =>
      (await walk((page) => store().log.requests(filter, page), limit)).map(({ kind, appId, at }) => [kind, appId, at]);
    const all = [
      ['parse', 'b', day(4)],
      ['message', 'a', day(3)],
      ['parse', 'a', day(3)],
      ['parse', 'a', day(2)],
      ['message', 'a', day(1)],
    ];
    assert.deepEqual(await listed({}, everything), all);
    assert.deepEqual(await listed({}, 1), all);
    assert.deepEqual(await listed({ appId: 'b' }, 1), all.slice(0, 1));
    assert.deepEqual(await listed({ channel: 'web', status: 'answered', node: 'far' }, 9), [all[1], all[4]]);
    assert.deepEqual(await listed({ from: day(2), to: day(3) }, 2), all.slice(1, 4));
    const [line] = (await store().log.requests({ channel: 'web' }, { limit: 1 })).items;
    const facts = { kind: 'message', appId: 'a', channel: 'web', conversation: 'c', node: 'far', status: 'answered' };
    assert.deepEqual(line, { ...facts, ms: 5, at: day(3), trace: '3'.repeat(32) });
    assert.deepEqual(await listed({ trace: '1'.repeat(32) }, 9), [all[4]]);
    assert.deepEqual([await store().parses.expire(day(3)), await store().parses.expire(day(3))], [1, 0]);
    assert.equal((await listed({ channel: 'api' }, 9)).length, 2);
  });
  it('reads out conversations, latest activity first, what was said in each oldest first', async () => {
    for (const n of [1, 2, 3]) {
      setDay(n);
      await said('c1', { text: `${nasty} ${n}` }, { intent: 'i', turn: { actions: ['x'] } });
      if (n === 2) await said('c2');
    }
    await store().conversations.receive(message('b', 'e', { conversation: 'other' }));
    await reopen();
    const read = async (from: string | undefined, limit = everything) =>
      (await walk((page) => store().log.transcripts('a', from, page), limit)).map(({ conversation, messages }) => [
        conversation,
        messages.map(({ number }) => number),
      ]);
    const all = await read(undefined);
    assert.deepEqual(
      all.map(([conversation]) => conversation),
      ['c1', 'c2'],
    );
    const numbers = (await store().conversations.messages('a', 'c1', { limit: 9 })).items.map(({ number }) => number);
    assert.deepEqual(all[0]?.[1], numbers);
    assert.deepEqual(await read(undefined, 1), all);
    assert.deepEqual(await read(day(3)), [['c1', numbers.slice(2)]]);
    assert.deepEqual(await read(day(4)), []);
    const [first] = (await store().log.transcripts('a', day(1), { limit: 1 })).items;
    assert.deepEqual(first?.messages, (await store().conversations.messages('a', 'c1', { limit: 9 })).items);
  });
  it('reads out all that was received in a span, of all bots, in that order', async () => {
    for (const n of [1, 2, 3]) {
      setDay(n);
      await said('c1', { text: `${n}` });
      await store().conversations.receive(message('b', `b${n}`, { conversation: 'other', text: `b ${n}` }));
    }
    setDay(3);
    await said('c1', { text: 'x' }, { turn: { model: 'm', agent: 'Ann', actions: ['action_handoff'] } });
    const handed = [{ recipient_id: 'r', custom: { handoff: true } }];
    await said('c1', { text: 'y' }, { replies: handed, intent: 'i', ms: 7 });
    await reopen();
    const all = (await store().log.everything({ from: day(3), to: day(9) }, { limit: 9 })).items.slice(2);
    assert.deepEqual(
      all.map(({ model, agent, calls, intent, ms, state }) => [model, agent, calls, intent, ms, state]),
      [
        ['m', 'Ann', true, null, 5, 'answered'],
        [null, null, true, 'i', 7, 'answered'],
      ],
    );
    const read = async (from: number, to: number, limit = everything) =>
      (await walk((page) => store().log.everything({ from: day(from), to: day(to) }, page), limit)).map(
        ({ appId }) => appId,
      );
    assert.deepEqual(await read(0, 9), ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'a']);
    assert.deepEqual(await read(2, 3, 1), ['a', 'b']);
    assert.deepEqual(await read(4, 9), []);
  });
  it('keeps documents of a bot whole, by name', async () => {
    assert.deepEqual([await store().documents.get('a', 'd'), await store().documents.list('a')], [null, []]);
    await store().documents.put('a', 'd', { old: true });
    await store().documents.put('a', nasty, { [nasty]: [nasty, null, 1.5] });
    await store().documents.put('a', 'd', { new: true });
    await reopen();
    assert.deepEqual(await store().documents.get('a', nasty), { [nasty]: [nasty, null, 1.5] });
    assert.deepEqual((await store().documents.list('a')).find(({ name }) => name === 'd')?.body, { new: true });
    await rejects(store().documents.put('nobody', 'd', {}), 'not_found');
  });
  it('changes a document by what it is, and loses none of many changes', async () => {
    const { documents } = store();
    const count = async () => Object.keys((await documents.get('a', nasty)) ?? {}).length;
    const of = { appId: 'a', name: nasty };
    const add = (key: string) => changeDocument(documents, of, (body) => ({ ...body, [key]: [key, null, 1.5] }));
    await Promise.all([nasty, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map(add));
    assert.equal(await count(), 10);
    await changeDocument(documents, of, () => null);
    const refuse = changeDocument(documents, of, () => {
      throw new Error('not like this');
    });
    await assert.rejects(refuse, /not like this/);
    assert.equal(await count(), 10);
    const body = { new: true };
    assert.equal(await documents.swap({ ...of, was: null, body }), false, 'it is there');
    assert.equal(await documents.swap({ ...of, was: { old: true }, body }), false, 'it is another');
    assert.equal(await documents.swap({ ...of, name: 'never', was: {}, body }), false, 'it is not there');
    assert.deepEqual([await count(), await documents.get('a', 'never')], [10, null]);
    await rejects(documents.swap({ appId: 'nobody', name: 'd', was: null, body }), 'not_found');
  });
  it('erases a conversation with all that belongs to it, and nothing of another', async () => {
    for (const c of ['c1', 'c2']) {
      await said(c, { text: `secret of ${c}` });
      const { message: open } = await store().conversations.receive(message('a', `open ${c}`, { conversation: c }));
      await store().conversations.settle(open.id, { state: 'answered', replies: [reply] }, { send: [reply] });
      const { message: dead } = await store().conversations.receive(message('a', `dead ${c}`, { conversation: c }));
      await store().conversations.settle(dead.id, { state: 'failed', error: 'x' }, { bury: { attempts: 1 } });
      await store().trackers.append('a', c, 0, [{ event: 'user', text: c }]);
      await store().care.change('a', c, { state: 'waiting', tags: [c] });
    }
    await store().trackers.append('a', 'only a tracker', 0, [{ event: 'user' }]);
    assert.equal(await store().conversations.erase('a', 'c1'), true);
    assert.equal(await store().conversations.erase('a', 'c1'), false);
    assert.equal(await store().conversations.erase('a', 'only a tracker'), true);
    assert.equal(await store().conversations.erase('b', 'c2'), false);
    await reopen();
    assert.deepEqual([await found({}), await found({ text: 'secret' })], [['c2'], ['c2']]);
    assert.equal((await store().conversations.messages('a', 'c1', { limit: 9 })).items.length, 0);
    assert.deepEqual(await store().trackers.senders('a'), ['c2']);
    assert.deepEqual([await store().care.get('a', 'c1'), (await store().care.active()).length], [null, 1]);
    const [entries, letters] = [
      await store().outbox.pending({ limit: 9 }),
      await store().deadLetters.list({ limit: 9 }),
    ];
    assert.deepEqual(
      [...entries.items, ...letters.items].map(({ conversation }) => conversation),
      ['c2', 'c2'],
    );
    await said('c1');
    assert.deepEqual((await store().care.get('a', 'c1'))?.care.tags, [], 'it begins anew');
  });
}

const reply = { recipient_id: 'r', text: 'on its way' };
