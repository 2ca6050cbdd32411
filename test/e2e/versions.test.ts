import assert from 'node:assert/strict';
import { newHub, realRasa, type TestHub } from '../support/hub.js';

/** The same topics, answered by each version in its own words. */
const faq = (version: string, ...more: string[]) =>
  ['When are you open?', 'Do you ship abroad?', 'How can I pay?', ...more].map((q) => ({
    Q: [{ q }],
    A: `${version}: ${q}`,
  }));

describe('the versions of a bot', function () {
  this.timeout(240_000);
  let hub: TestHub;
  let appId: string;
  before(async () => {
    hub = await newHub({ rasa: realRasa(), env: { MODELS_KEPT: '2' } });
    appId = (await hub.api('POST', '/bots', { name: 'Shop' })).body.appId as string;
  });
  after(() => hub.stop());
  const trained = async (pairs: unknown): Promise<string> => {
    const { body } = await hub.api('POST', `/bots/${appId}/train?wait=true`, pairs);
    assert.equal(body.state, 'done', JSON.stringify(body));
    return body.modelId as string;
  };
  type Version = { modelId: string; active: boolean; [key: string]: unknown };
  const models = async (): Promise<Version[]> =>
    (await hub.api('GET', `/bots/${appId}/models`)).body.items as Version[];
  const say = async (sender: string) =>
    (await hub.api('POST', `/bots/${appId}/messages`, { sender, message: 'when are you open' })).body[0]
      ?.text as string;

  it('tell how well they would understand what nobody wrote down, by cross-validation', async () => {
    const asked: [string, ...string[]][] = [
      ['When are you open?', 'What are your opening hours?', 'Until when are you open today?'],
      ['Do you ship abroad?', 'Can you ship to other countries?', 'Is shipping abroad possible?'],
      ['How can I pay?', 'Which cards can I pay with?', 'Can I pay by card?'],
    ];
    const faqOf = asked.map((questions) => ({ Q: questions.map((q) => ({ q })), A: `about: ${questions[0]}` }));
    assert.equal((await hub.api('PUT', `/bots/${appId}/faq`, faqOf)).status, 200);
    const { status, body } = await hub.api('POST', `/bots/${appId}/evaluate?folds=2`);
    assert.equal(status, 200, JSON.stringify(body));
    const {
      asked: count,
      accuracy,
      pairs,
      wrong,
    } = body.crossValidation as {
      asked: number;
      accuracy: number;
      pairs: { asked: number }[];
      wrong: unknown[];
    };
    assert.deepEqual([count, pairs.length, pairs.reduce((sum, one) => sum + one.asked, 0)], [9, 3, 9]);
    assert.ok(accuracy > 0.4, JSON.stringify(body));
    assert.equal(wrong.length, Math.round(9 * (1 - accuracy)));
    assert.deepEqual(await models(), [], 'nothing of it is kept');
    assert.equal((await hub.api('POST', `/bots/${appId}/evaluate?folds=1`)).status, 422);
    assert.equal((await hub.api('POST', `/bots/${appId}/evaluate`)).status, 422);
  });

  it('say who made them, when, with which Rasa, and how they did when they were tested', async () => {
    const id = await trained(faq('one'));
    const [model] = await models();
    assert.deepEqual([model?.modelId, model?.['by'], model?.['label'], model?.['scores']], [id, 'admin', null, null]);
    const yaml =
      'nlu:\n- intent: chitchat/greet\n  examples: |\n    - hello\n- intent: chitchat_none\n  examples: |\n    - hello\n';
    const tested = await hub.api('POST', `/bots/${appId}/evaluate`, yaml, { 'content-type': 'application/yaml' });
    assert.equal(tested.status, 200, JSON.stringify(tested.body));
    assert.equal(((await models())[0]?.['scores'] as { intents: number }).intents, 0.5);
  });

  it('are compared: what they were made from, and what they answer otherwise', async () => {
    const [one] = await models();
    await hub.api('PATCH', `/bots/${appId}`, { options: { fallback: 'No idea.' } });
    const changed = faq('one', 'Where are you?');
    changed[0]!.A = 'two: open longer';
    const two = await trained(changed);
    const { status, body } = await hub.api('GET', `/bots/${appId}/models/${one!.modelId}/diff/${two}?answers=true`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body.settings, { options: { from: null, to: { fallback: 'No idea.' } } });
    assert.deepEqual([body.pairs.added.length, body.pairs.removed.length, body.pairs.changed.length], [1, 0, 1]);
    assert.equal(body.pairs.changed[0].to.answer, 'two: open longer');
    assert.equal(body.answers.asked, 4);
    const told = Object.fromEntries(
      (body.answers.changed as { question: string; to: string }[]).map(({ question, to }) => [question, to]),
    );
    assert.equal(told['When are you open?'], 'two: open longer');
    assert.equal(told['Where are you?'], 'one: Where are you?');
    assert.equal(told['How can I pay?'], undefined);
  });

  it('go back in one call under 50 messages a second: none fails, none is answered by a mixture', async () => {
    await trained(faq('three'));
    assert.equal(await say('first'), 'three: When are you open?');
    const answers: { sent: number; text: string | undefined }[] = [];
    const all: Promise<void>[] = [];
    let back: Promise<{ status: number }> | undefined;
    let backAt = Infinity;
    for (let at = 0; at < 200; at += 1) {
      all.push(say(`anna-${at}`).then((text) => void answers.push({ sent: at, text })));
      if (at === 75)
        back = hub.api('POST', `/bots/${appId}/rollback`).then((answer) => {
          backAt = at + all.length - 76;
          return answer;
        });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await Promise.all(all);
    assert.equal((await back!).status, 200);
    assert.ok(backAt < 200, 'it was back while messages came');
    const texts = new Set(answers.map(({ text }) => text));
    assert.equal(answers.length, 200);
    assert.deepEqual([...texts].sort(), ['three: When are you open?', 'two: open longer']);
    for (const { sent, text } of answers)
      if (sent < 75 || sent > backAt + 5)
        assert.equal(
          text,
          sent < 75 ? 'three: When are you open?' : 'two: open longer',
          `message ${sent}, back at ${backAt}`,
        );
  });

  it('are kept when they have a label, however many follow, and are had back as projects', async () => {
    const [, labelled] = await models();
    const path = `/bots/${appId}/models/${labelled!.modelId}`;
    assert.equal((await hub.api('PATCH', path, { label: 'before the sale' })).body.label, 'before the sale');
    for (const version of ['four', 'five', 'six', 'seven']) await trained(faq(version));
    const kept = await models();
    assert.equal(kept.length, 4, 'the active one, two beside it, and the one with a label');
    assert.equal(kept.at(-1)?.['label'], 'before the sale');
    const project = await hub.api('GET', `${path}/project`);
    assert.equal(project.headers.get('content-type'), 'application/gzip');
    assert.equal((await hub.api('PATCH', path, { label: '' })).status, 422);
  });

  it('that there are none of cannot be gone back to', async () => {
    const bot = (await hub.api('POST', '/bots', { name: 'New' })).body as { appId: string };
    assert.equal((await hub.api('POST', `/bots/${bot.appId}/rollback`)).body.code, 'no_model');
  });

  it('have a model for each language of the bot, and go back and forth as one', async () => {
    const pairs = (version: string) => [
      ...faq(version),
      ...['你们几点开门？', '怎么付款？', '你们寄到国外吗？'].map((q) => ({
        Q: [{ q }],
        A: `${version}: ${q}`,
        language: 'zh',
      })),
    ];
    const ask = async (sender: string, message: string, metadata = {}) =>
      (await hub.api('POST', `/bots/${appId}/messages`, { sender, message, metadata })).body[0]?.text as string;
    const first = await trained(pairs('one'));
    assert.deepEqual((await hub.api('GET', `/bots/${appId}/faq`)).body, pairs('one'));
    assert.equal(await ask('li', '几点开门', { language: 'zh-CN' }), 'one: 你们几点开门？');
    assert.equal(await ask('li', '怎么付款'), 'one: 怎么付款？', 'the conversation has its language');
    assert.equal(await ask('ann', 'when are you open'), 'one: When are you open?');
    const parsed = await hub.api('POST', `/bots/${appId}/parse`, { text: '怎么付款', language: 'zh' });
    assert.equal(parsed.body.response_selector.faq.response.responses[0].text, 'one: 怎么付款？');
    await trained(pairs('two'));
    assert.equal(await ask('li', '几点开门'), 'two: 你们几点开门？');
    await hub.api('POST', `/bots/${appId}/park`);
    await hub.api('POST', `/bots/${appId}/models/${first}/activate`);
    assert.equal(await ask('li', '怎么付款'), 'one: 怎么付款？', 'after a rollback, in a process that never saw it');
    assert.equal(await ask('li', 'when are you open', { language: 'en' }), 'one: When are you open?');
    const { items } = (await hub.api('GET', `/bots/${appId}/conversations/li`)).body as {
      items: { turn?: { language?: string } }[];
    };
    assert.deepEqual(
      items.map(({ turn }) => turn?.language),
      ['zh', 'zh', 'zh', 'zh', 'en'],
    );
  });
});
