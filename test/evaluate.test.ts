import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../src/child.js';
import { createEvaluator, type Evaluator } from '../src/training/evaluate.js';
import type { QuestionChild } from '../src/training/question.js';
import { someBot } from './support/engines.js';
import { eventually, newHub, type TestHub } from './support/hub.js';

/** With Rasa itself: test/e2e/warm.test.ts and actions.test.ts. Here a process of few lines answers in its place. */
describe('an evaluation', () => {
  let folder: string;
  let script: string;
  let running: number;
  let most: number;
  let started: number;
  let evaluator: Evaluator;
  const start = (question: QuestionChild) => {
    running += 1;
    started += 1;
    most = Math.max(most, running);
    const { home: cwd, onStdoutLine } = question;
    const env = { SPEC: JSON.stringify(question.spec) };
    const child = startChild({
      command: process.execPath,
      args: ['-e', script],
      cwd,
      env,
      onStdoutLine,
    });
    void child.exited.then(() => (running -= 1));
    return Promise.resolve(child);
  };
  const answer = (result: string): string =>
    `require('fs').writeFileSync(JSON.parse(process.env.SPEC).out, ${JSON.stringify(result)}); console.log('{"done": true}')`;
  const held = { bot: someBot(), files: [], archivePath: '/m', yaml: 'nlu: []', endToEnd: false };
  const evaluate = (signal = new AbortController().signal) => evaluator.evaluate(held, signal);
  beforeEach(async () => {
    [running, most, started] = [0, 0, 0];
    folder = await mkdtemp(join(tmpdir(), 'sb-evaluate-'));
    evaluator = createEvaluator({ workDir: folder, start, customCode: false });
  });
  afterEach(async () => {
    assert.deepEqual(readdirSync(folder), [], 'nothing is left of it');
    await rm(folder, { recursive: true });
  });

  it('is made one at a time, also after one that failed', async () => {
    script = 'process.exit(9)';
    const failed = evaluate();
    await assert.rejects(failed, { code: 'wake_failed', message: /without an answer \(code 9\)/ });
    script = answer('{"nlu": {"a": 1}, "stories": null}');
    const all = await Promise.all([evaluate(), evaluate(), evaluate()]);
    assert.deepEqual(all[2], { nlu: { a: 1 }, stories: null });
    assert.equal(most, 1);
  });

  it('ends when nobody waits for it any more', async () => {
    script = 'setInterval(() => undefined, 1000)';
    const gone = new AbortController();
    const waiting = evaluate(gone.signal);
    void eventually(() => started === 1).then(() => gone.abort(new Error('gone')));
    await assert.rejects(waiting, /gone/);
    assert.equal(running, 0);
    await assert.rejects(evaluate(gone.signal), /gone/);
    assert.equal(started, 1, 'one that nobody waits for is not begun');
  });

  it('says what is wrong with its text', async () => {
    script = `console.log('{"error": {"code": "bad_yaml", "message": "line 3"}}'); process.exit(1)`;
    await assert.rejects(evaluate(), { code: 'invalid', message: /line 3/ });
    script = answer('{"nlu": null, "stories": null}');
    await assert.rejects(evaluate(), { code: 'invalid', message: /holds no test/ });
  });

  describe('without Rasa', () => {
    let hub: TestHub;
    before(async () => {
      hub = await newHub();
    });
    after(() => hub.stop());

    it('is refused with words, as is a check of a project', async () => {
      const { appId } = (await hub.api('POST', '/bots', { name: 'One' })).body as { appId: string };
      const ask = (path: string, text?: string) =>
        hub.api('POST', `/bots/${appId}/${path}`, text, { 'content-type': 'application/yaml' });
      const untrained = await ask('evaluate', 'nlu: []');
      assert.deepEqual([untrained.status, untrained.body.code], [409, 'no_model']);
      assert.equal((await ask('evaluate?model=x', 'nlu: []')).status, 404);
      assert.equal((await ask('evaluate?e2e=maybe', 'nlu: []')).status, 422);
      const unchecked = await ask('validate');
      assert.equal(unchecked.status, 503);
      assert.match(unchecked.body.detail as string, /no Rasa on this machine/);
    });
  });
});
