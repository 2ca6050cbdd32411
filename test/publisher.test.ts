/** What becomes of a model that was made, when something goes wrong between its making and its use. */
import assert from 'node:assert/strict';
import type { Json, Store } from '../src/contracts.js';
import { HubError } from '../src/errors.js';
import { type ScriptedEngine, scriptedEngine } from './support/engines.js';
import { newHub, type TestHub } from './support/hub.js';
import { standInTrainer } from './support/trainer.js';

const faq = [{ Q: [{ q: 'When are you open?' }], A: 'From nine to five.' }];

describe('a model that was made', () => {
  let hub: TestHub;
  let engine: ScriptedEngine;
  let store: Store;
  let appId = '';

  beforeEach(async () => {
    engine = scriptedEngine();
    hub = await newHub({
      standIns: {
        engines: { rasa: engine },
        training: { train: standInTrainer() },
        store: (opened) => (store = opened),
      },
    });
    await hub.api('DELETE', '/bots/demo');
    appId = (await hub.api('POST', '/bots', { name: 'Shop', engine: 'rasa' })).body.appId as string;
  });
  afterEach(() => hub.stop());

  const train = async (): Promise<Json> => (await hub.api('POST', `/bots/${appId}/train?wait=true`, faq)).body as Json;
  const models = async (): Promise<string[]> =>
    ((await hub.api('GET', `/bots/${appId}/models`)).body.items as { modelId: string }[]).map(({ modelId }) => modelId);
  /** The store is away for the next two calls of this. */
  const away = <T extends object>(part: T, name: keyof T): (() => number) => {
    const real = (part[name] as (...given: unknown[]) => unknown).bind(part);
    let left = 2;
    part[name] = ((...given: unknown[]) => {
      if (left === 0) return real(...given);
      left -= 1;
      return Promise.reject(new HubError('store_unavailable', 'The database does not answer.'));
    }) as T[keyof T];
    return () => left;
  };

  for (const [when, of] of [
    ['before it is written down', () => away(store.models, 'add')],
    ['when it is to answer', () => away(store.bots, 'update')],
  ] as const)
    it(`is published though the store is away for a while ${when}`, async () => {
      const left = of();
      const job = await train();
      assert.deepEqual([job['state'], job['error'], left()], ['done', null, 0]);
      assert.deepEqual(await models(), [job['modelId']]);
      const bot = (await hub.api('GET', `/bots/${appId}`)).body as Json;
      assert.equal(bot['activeModel'], job['modelId']);
      assert.equal(engine.launched.filter(({ stopped }) => !stopped).length, 1);
    });

  it('is dropped when it does not start, and the one before it goes on answering', async () => {
    const { modelId: first } = await train();
    engine.failures = [new HubError('wake_failed', 'The archive is broken.')];
    const job = (await hub.api('POST', `/bots/${appId}/train?wait=true&force=true`, faq)).body as Json;
    assert.equal(job['state'], 'failed');
    const { code, message, detail } = job['error'] as { code: string; message: string; detail: string };
    assert.equal(code, 'model_does_not_start');
    assert.match(message, /the old one keeps answering/);
    assert.match(detail, /The archive is broken/);
    assert.deepEqual(await models(), [first]);
    const answer = await hub.api('POST', `/bots/${appId}/messages`, { sender: 'anna', message: 'hello' });
    assert.deepEqual([answer.status, (answer.body as unknown as Json[])[0]?.['text']], [200, 'you said hello']);
  });
});
