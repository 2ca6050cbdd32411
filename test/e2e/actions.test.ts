import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Json, ProjectFinding } from '../../src/contracts.js';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';

/** A project whose bot answers by its own actions alone. It needs no TensorFlow. */
const project = {
  'config.yml': `recipe: default.v1
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
policies:
- name: RulePolicy
`,
  'domain.yml': `version: "3.1"
intents: [price, die]
slots:
  price: {type: text, mappings: [{type: custom}]}
actions: [action_price, action_die]
`,
  'data/nlu.yml': `version: "3.1"
nlu:
- intent: price
  examples: |
    - price
- intent: die
  examples: |
    - die
`,
  'data/rules.yml': `version: "3.1"
rules:
- rule: price
  steps: [{intent: price}, {action: action_price}]
- rule: die
  steps: [{intent: die}, {action: action_die}]
`,
};
const code = `import os
from rasa_sdk import Action
from rasa_sdk.events import SlotSet
class Price(Action):
    def name(self):
        return "action_price"
    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text=f"{tracker.latest_message['text']}: 5, asked before: {tracker.get_slot('price')}")
        return [SlotSet("price", "yes")]
class Die(Action):
    def name(self):
        return "action_die"
    def run(self, dispatcher, tracker, domain):
        os._exit(3)
`;
/** Processes of this title; APP_IDs are nobody else's. */
function titled(title: string): number[] {
  const has = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/[\0 ]+$/, '') === title;
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && has(name))
    .map(Number);
}

describe("a bot's own actions", function () {
  this.timeout(240_000);
  let hub: TestHub;
  let server: Server;
  let asked: string[];
  let traces: unknown[];
  before(async () => {
    server = createServer((request, response) => {
      asked.push(request.headers['x-key'] as string);
      traces.push(request.headers['traceparent']);
      request.resume().on('end', () => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ events: [], responses: [{ text: 'from elsewhere' }] }));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    hub = await newHub({ rasa: realRasa(), env: { CUSTOM_CODE: 'on', EGRESS_ALLOW: '127.0.0.1' } });
  });
  beforeEach(() => {
    [asked, traces] = [[], []];
  });
  after(async () => {
    await hub.stop();
    server.closeAllConnections();
    server.close();
  });

  const make = async (files: Record<string, string>): Promise<string> => {
    const made = await hub.api('POST', '/bots', { name: 'Own', pipeline: 'project' });
    const { appId } = made.body as { appId: string };
    for (const [path, content] of Object.entries(files))
      assert.equal((await hub.api('PUT', `/bots/${appId}/files/${path}`, content)).status, 200, path);
    return appId;
  };
  const train = async (appId: string) =>
    (await hub.api('POST', `/bots/${appId}/train?wait=true`)).body as { state: string; error: { detail: string } };
  const say = async (appId: string, sender: string, message: string) => {
    const { status, body } = await hub.api('POST', `/bots/${appId}/messages`, { sender, message });
    return status === 200 ? (body as { text: string }[]).map(({ text }) => text) : status;
  };

  describe('in Python', () => {
    let appId: string;
    before(async () => {
      appId = await make({ ...project, 'actions.py': code });
      const job = await train(appId);
      assert.equal(job.state, 'done', JSON.stringify(job));
    });
    const actions = (): number | undefined => titled(`rasa-actions-${appId}`)[0];

    it('answer through the hub, and what they remember is remembered', async () => {
      assert.deepEqual(await say(appId, 'anna', 'price'), ['price: 5, asked before: None']);
      assert.deepEqual(await say(appId, 'anna', 'the price'), ['the price: 5, asked before: yes']);
    });

    it("run in a process of their own, whose memory is the bot's and whose words are in its log", async () => {
      const pid = actions();
      assert.ok(pid);
      const bot = (await hub.api('GET', `/bots/${appId}`)).body as { pids: number[]; memory: number };
      const own = (of: number): number =>
        [...readFileSync(`/proc/${of}/smaps_rollup`, 'utf8').matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce(
          (sum, [, kb]) => sum + Number(kb) * 1024,
          0,
        );
      const both = own(bot.pids[0]!) + own(pid);
      assert.ok(bot.memory > own(bot.pids[0]!) && Math.abs(bot.memory / both - 1) < 0.25, `${bot.memory} ${both}`);
      const { body } = await hub.api('GET', `/bots/${appId}/logs`);
      assert.ok((body as { items: { line: string }[] }).items.some(({ line }) => /"ready": \{"port"/.test(line)));
      assert.equal(new Set(hub.log.join().match(/x-switchboard-secret/g)).size, 0);
    });

    it('are named by its stories, which are tested and checked before they are trained', async () => {
      const type = { 'content-type': 'application/yaml' };
      const story = (action: string): string =>
        `stories:\n- story: one\n  steps:\n  - user: the price\n    intent: price\n  - action: ${action}\n`;
      for (const [action, right] of [
        ['action_price', 1],
        ['action_die', 0],
      ] as const) {
        const { body } = await hub.api('POST', `/bots/${appId}/evaluate?e2e=true`, story(action), type);
        const { actions: told, is_end_to_end_evaluation: e2e } = body.stories as {
          actions: Json[];
          is_end_to_end_evaluation: boolean;
        };
        const [first] = told;
        assert.deepEqual([first?.['action'] === first?.['predicted'], e2e], [right === 1, true]);
      }
      const rules = project['data/rules.yml'];
      const at = `/bots/${appId}/files/data/rules.yml`;
      const saved = await hub.api('PUT', at, rules.replace('action_die', 'action_nowhere'));
      const line = rules.split('\n').findIndex((text) => text.includes('action_die')) + 1;
      const told = (saved.body.findings as ProjectFinding[]).find(({ message }) => message.includes('action_nowhere'));
      assert.deepEqual([saved.status, told?.severity, told?.path, told?.line], [200, 'error', 'data/rules.yml', line]);
      const checked = await hub.api('POST', `/bots/${appId}/validate`);
      assert.equal(checked.body.valid, false);
      assert.deepEqual(checked.body.findings, saved.body.findings);
      assert.match((checked.body.lines as string[]).join('\n'), /data\/rules\.yml line \d+: .*action_nowhere/);
      const trained = await hub.api('POST', `/bots/${appId}/train?wait=true`);
      assert.deepEqual([trained.body.state, trained.body.error.code], ['failed', 'invalid_project']);
      const broken = await hub.api('PUT', at, rules.replace('steps:', 'stepz:'));
      assert.equal(broken.status, 422);
      assert.match(broken.body.detail as string, /^data\/rules\.yml line \d+: .*'stepz' was not defined/);
      assert.match((await hub.api('GET', at)).body as string, /action_nowhere/, 'what was refused is not kept');
      await hub.api('PUT', `/bots/${appId}/files/data/rules.yml`, rules);
      assert.equal((await hub.api('POST', `/bots/${appId}/validate`)).body.valid, true);
    });

    it('sleep and wake with the bot', async () => {
      await hub.api('POST', `/bots/${appId}/park`);
      await eventually(() => actions() === undefined && titled(`rasa-${appId}`).length === 0, 5);
      assert.deepEqual(await say(appId, 'bert', 'price'), ['price: 5, asked before: None']);
    });

    it('are there again after their process was killed, or has ended under a turn', async () => {
      const pid = actions()!;
      process.kill(pid, 'SIGKILL');
      await eventually(() => actions() !== pid, 5);
      assert.deepEqual(await say(appId, 'carl', 'price'), ['price: 5, asked before: None']);
      assert.equal(await say(appId, 'dora', 'die'), 502);
      assert.deepEqual(await say(appId, 'dora', 'price'), ['price: 5, asked before: None']);
    });

    it('that cannot be loaded leave the old model answering, and the job says why', async () => {
      await hub.api('PUT', `/bots/${appId}/files/actions.py`, 'import nothing_like_it\n');
      const job = await train(appId);
      assert.equal(job.state, 'failed');
      assert.match(job.error.detail, /its actions could not be loaded.*No module named 'nothing_like_it'/);
      assert.deepEqual(await say(appId, 'emma', 'price'), ['price: 5, asked before: None']);
      assert.equal(titled(`rasa-actions-${appId}`).length, 1);
    });
  });

  it('on a server that endpoints.yml names answer through the hub', async () => {
    const { port } = server.address() as AddressInfo;
    const endpoints = `action_endpoint:\n  url: http://127.0.0.1:${port}/webhook\n  headers: {x-key: k1}\n`;
    const appId = await make({ ...project, 'endpoints.yml': endpoints });
    assert.equal((await train(appId)).state, 'done');
    assert.deepEqual(await say(appId, 'anna', 'price'), ['from elsewhere']);
    assert.deepEqual(asked, ['k1']);
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const traced = { sender: 'anna', message: 'price' };
    assert.equal((await hub.api('POST', `/bots/${appId}/messages`, traced, { traceparent })).status, 200);
    assert.deepEqual(await say(appId, 'anna', 'price'), ['from elsewhere']);
    assert.equal(traces[1], traceparent, 'the trace goes through the bot to what it calls');
    assert.ok(typeof traces[2] === 'string' && traces[2] !== traceparent, 'and ends with its message');
  });
});
