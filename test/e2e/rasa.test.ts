import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';
import { shopFaq, shopParaphrases } from '../support/shop.js';

/** A new hub's way to a bot that answers, with curl's means alone, on real Rasa. The steps stand on each other. */
describe('a bot on real Rasa', function () {
  this.timeout(240_000);
  const dataDir = mkdtempSync(join(tmpdir(), 'sb-e2e-'));
  const canary = 'canary-9f8e7d6c5b4a';
  let hub: TestHub;
  let appId: string;

  const open = (): Promise<TestHub> => newHub({ rasa: realRasa(), dataDir, env: { ADMIN_TOKEN: `admin-${canary}` } });
  before(async () => {
    process.env['E2E_SECRET'] = canary;
    hub = await open();
  });
  after(async () => {
    delete process.env['E2E_SECRET'];
    await hub.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const ask = async (message: string, sender = 'u1'): Promise<{ text?: string; metadata?: { engine: string } }[]> =>
    (await hub.api('POST', `/bots/${appId}/messages`, { sender, message })).body as {
      text?: string;
      metadata?: { engine: string };
    }[];
  /** Of 20 questions in other words nearly all are answered, and none with the wrong answer: where the bot is not sure it says so. */
  const askAll = async (): Promise<void> => {
    const missed: string[] = [];
    for (const [question, answer] of shopParaphrases) {
      const [reply] = await ask(question);
      assert.equal(reply?.metadata?.engine, 'rasa');
      if (reply.text === answer) continue;
      assert.match(reply.text ?? '', /don't know/, question);
      missed.push(question);
    }
    assert.ok(missed.length <= 2, `declined: ${missed.join('; ')}`);
  };
  const pidOf = (): number => {
    const rows = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n');
    return Number(
      rows
        .find((row) => row.includes(`rasa-${appId}`))
        ?.trim()
        .split(' ')[0] ?? Number.NaN,
    );
  };

  it('is made, given 20 pairs nobody tuned for, trained, and understands other words for them', async () => {
    appId = (await hub.api('POST', '/bots', { name: 'Shop' })).body.appId as string;
    assert.equal((await hub.api('PUT', `/bots/${appId}/faq`, shopFaq)).status, 200);
    const job = (await hub.api('POST', `/bots/${appId}/train?wait=true`)).body as { state: string; error: unknown };
    assert.equal(job.state, 'done', JSON.stringify(job.error));
    const parse = await hub.api('POST', `/bots/${appId}/parse`, { text: shopParaphrases[1]![0] });
    assert.equal(parse.headers.get('x-switchboard-engine'), 'rasa');
    assert.match(parse.body.intent.full_retrieval_intent_name as string, /^faq\//);
    assert.ok(Array.isArray(parse.body.intent_ranking) && typeof parse.body.response_selector.faq === 'object');
    await askAll();
  });

  it('admits not knowing, greets, and answers in a language its author never wrote', async () => {
    assert.match((await ask('What is the boiling point of tungsten?'))[0]?.text ?? '', /don't know/);
    assert.match((await ask('hello there'))[0]?.text ?? '', /Hello/);
    assert.equal((await ask('Wie lange dauert die Lieferung?'))[0]?.text, 'We deliver within three working days.');
  });

  it('carries its APP_ID as its process title, and no secret in arguments or environment', () => {
    const pid = pidOf();
    assert.ok(pid > 0);
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    assert.ok(!environment.includes(canary), 'the hub’s environment reached the child');
    assert.ok(!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('secret'));
  });

  it('answers again after kill -9 of its Rasa process, with its conversations', async () => {
    const pid = pidOf();
    process.kill(pid, 'SIGKILL');
    await eventually(() => !readdirSync('/proc').includes(String(pid)), 5);
    await askAll();
    assert.notEqual(pidOf(), pid);
    const { items } = (await hub.api('GET', `/bots/${appId}/conversations/u1?limit=500`)).body as {
      items: { state: string }[];
    };
    assert.ok(items.every(({ state }) => state === 'answered'));
  });

  it('answers the message that was under way when its process was killed', async () => {
    const waiting = ask('do you deliver to Spain', 'u2');
    process.kill(pidOf(), 'SIGKILL');
    assert.equal((await waiting)[0]?.text, 'Yes, we ship to all of Europe.');
  });

  it('answers after a restart of the hub, and leaves no process behind', async () => {
    const pid = pidOf();
    await hub.stop();
    assert.ok(!readdirSync('/proc').includes(String(pid)), 'the child ended with the hub');
    hub = await open();
    await askAll();
  });

  it('keeps answering with the old model when a training is refused or fails, and says why in words', async () => {
    const broken = 'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hi\n   oops: [';
    const failed = await hub.api('POST', `/bots/${appId}/train?wait=true`, broken, {
      'content-type': 'application/yaml',
    });
    assert.equal(failed.body.code, 'invalid', JSON.stringify(failed.body));
    assert.match(JSON.stringify(failed.body), /line \d+/);
    const contradiction =
      'version: "3.1"\nrules:\n- rule: one\n  steps:\n  - intent: chitchat\n  - action: action_restart\n';
    const wrong = await hub.api('POST', `/bots/${appId}/train?wait=true`, contradiction, {
      'content-type': 'application/yaml',
    });
    assert.equal(wrong.body.state, 'failed');
    assert.match(`${wrong.body.error.message as string} ${wrong.body.error.detail as string}`, /rule/i);
    await askAll();
  });

  it('gives back every answer byte for byte, however it was pasted', async () => {
    const nasty = [
      'Curly {braces}, {{double}}, {"json": {"a": [1]}} and {slot}',
      'Money: ${HOME} $PATH ${E2E_SECRET} %s %(x)s',
      '[text](entity) and [berlin]{"entity": "city"}',
      '/restart',
      '"double", \'single\', `code`, \\back\\slash',
      'First paragraph.\n\nSecond paragraph.\n\n\n- a list\n- of things\n\n\tindented\r\nend  ',
      '# heading\n\n| a | b |\n|---|---|\n| 1 | **2** |',
      '你好，世界 🙂👩‍👩‍👧 \u202Eabc\u2028x',
      'yes',
      'null',
      ': - ? & * ! | > @',
    ];
    const words = [
      'apples',
      'bicycles',
      'candles',
      'dolphins',
      'elevators',
      'fountains',
      'guitars',
      'hammers',
      'islands',
      'jackets',
      'kettles',
    ];
    const faq = nasty.map((A, i) => ({
      Q: [{ q: `Tell me about ${words[i]!}` }, { q: `${words[i]!} [x](y) {z} \${HOME}` }],
      A,
    }));
    const { appId: other } = (await hub.api('POST', '/bots', { name: 'Nasty' })).body as { appId: string };
    const rich = {
      Q: [{ q: 'show me the menu of lemons' }],
      A: [
        { text: 'Look {here}:', buttons: [{ title: 'A {b}', payload: '/ask{"k":"v"}' }] },
        { image: 'https://example.org/a.png' },
      ],
    };
    const job = await hub.api('POST', `/bots/${other}/train?wait=true`, [...faq, rich]);
    assert.equal(job.body.state, 'done', JSON.stringify(job.body.error));
    for (const [i, answer] of nasty.entries()) {
      const { body } = await hub.api('POST', `/bots/${other}/messages`, {
        sender: 'n',
        message: `Tell me about ${words[i]!}`,
      });
      assert.deepEqual(
        (body as { text: string }[]).map(({ text }) => text),
        [answer],
      );
    }
    const { body } = await hub.api('POST', `/bots/${other}/messages`, {
      sender: 'n',
      message: 'show me the menu of lemons',
    });
    assert.deepEqual(
      (body as { text?: string; image?: string; buttons?: unknown }[]).map(({ text, image, buttons }) => ({
        text,
        image,
        buttons,
      })),
      [
        { text: 'Look {here}:', buttons: [{ title: 'A {b}', payload: '/ask{"k":"v"}' }], image: undefined },
        { text: undefined, buttons: undefined, image: 'https://example.org/a.png' },
      ],
    );
    await hub.api('DELETE', `/bots/${other}`);
  });

  it('reads a leading slash as words, not as an intent', async () => {
    const parse = (await hub.api('POST', `/bots/${appId}/messages`, { sender: 'u3', message: '/restart' })).body as {
      text?: string;
    }[];
    assert.ok(parse.length > 0, 'a forced restart would answer nothing');
  });

  it('learns one pair with one question', async () => {
    const { appId: tiny } = (await hub.api('POST', '/bots', { name: 'Tiny' })).body as { appId: string };
    const job = await hub.api('POST', `/bots/${tiny}/train?wait=true`, [
      { Q: [{ q: 'When is lunch?' }], A: 'At noon.' },
    ]);
    assert.equal(job.body.state, 'done', JSON.stringify(job.body.error));
    const { body } = await hub.api('POST', `/bots/${tiny}/messages`, { sender: 'u', message: 'when do we have lunch' });
    assert.equal((body as { text: string }[])[0]?.text, 'At noon.');
    await hub.api('DELETE', `/bots/${tiny}`);
  });

  it('wrote no secret to the log', () => {
    assert.ok(!hub.log.some((line) => line.includes(canary)));
  });
});
