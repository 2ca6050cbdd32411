import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { readFile, readdir, rm, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { extract } from 'tar-stream';
import type { ProjectFile } from '../../src/contracts.js';
import { entriesOf, tarGzOf, zipOf } from '../support/archives.js';
import { newHub, realRasa, type TestHub } from '../support/hub.js';
import { plainRasa, plainTrain } from '../support/plain-rasa.js';

/** `npm run test:projects` sets it: all projects, and plain Rasa beside the hub. A plain test run takes the one that needs no TensorFlow. */
const full = process.env['SWITCHBOARD_PROJECTS'] === 'full';

interface Case {
  folder: (python: string) => string;
  /** How it is packed. */
  pack: (files: Record<string, string>) => Buffer;
  /** Conversations, and what is said in each. */
  talks: string[][];
}
const kept = (name: string) => () => join('test', 'support', 'projects', name);
const nested = (files: Record<string, string>): Buffer => zipOf(entriesOf(files, 'a-bot-main/'));
const flat = (files: Record<string, string>): Buffer => tarGzOf(entriesOf(files));
/** As old projects have it: everything in one folder. */
const loose = (files: Record<string, string>): Buffer =>
  zipOf(
    entriesOf(Object.fromEntries(Object.entries(files).map(([path, text]) => [path.replace(/^data\//, ''), text]))),
  );

const cases: Record<string, Case> = {
  booking: {
    folder: kept('booking'),
    pack: nested,
    talks: [
      ['hello', 'book a table', 'Roma', 'a hundred', '99', '4'],
      ['reserve a desk in Berlin', 'forget it', 'good morning'],
    ],
  },
  starter: {
    folder: starterOf,
    pack: nested,
    talks: [
      ['hello', 'i am sad', 'yes', 'bye'],
      ['hi', 'i feel great', 'are you a bot?'],
    ],
  },
  rules: {
    folder: kept('rules'),
    pack: loose,
    talks: [
      ['hello', 'light on in A00', 'make it dark', 'status', 'what?'],
      ['switch on', 'thanks'],
    ],
  },
  stories: {
    folder: kept('stories'),
    pack: flat,
    talks: [
      ['hello', 'yes', 'no', 'bye'],
      ['hi', 'it is', 'right', 'see you'],
      ['good evening', 'not at all', 'goodbye'],
      ['my machine is broken', 'no'],
    ],
  },
  retrieval: {
    folder: kept('retrieval'),
    pack: nested,
    talks: [
      [
        'who are you',
        'when do you open',
        'what does it cost to get in',
        'are dogs allowed',
        'is it raining',
        'tell me the price',
      ],
    ],
  },
  lookup: {
    folder: kept('lookup'),
    pack: flat,
    talks: [
      ['where are the plants', 'where is oleander', 'thanks a lot'],
      ['where do i find Peppermint', "i look for lady's mantle", 'have you got kniphofia'],
    ],
  },
};

/** What `rasa init` writes. */
function starterOf(python: string): string {
  return join(dirname(python), '..', 'lib', 'python3.10', 'site-packages', 'rasa', 'cli', 'initial_project');
}

async function filesOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.pyc'));
  const read = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [path.slice(folder.length + 1), await readFile(path, 'utf8')] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

async function unpacked(archive: Buffer): Promise<ProjectFile[]> {
  const tar = extract();
  tar.end(gunzipSync(archive));
  const files: ProjectFile[] = [];
  for await (const entry of tar) {
    const pieces: Buffer[] = [];
    for await (const piece of entry as AsyncIterable<Buffer>) pieces.push(piece);
    files.push({ path: entry.header.name, content: Buffer.concat(pieces).toString() });
  }
  return files;
}

describe('a Rasa project from elsewhere', function () {
  this.timeout(900_000);
  let hub: TestHub;
  let python: string;
  before(async () => {
    const rasa = realRasa() as { python: string };
    python = rasa.python;
    hub = await newHub({ rasa, env: { CUSTOM_CODE: 'on' } });
  });
  after(() => hub.stop());

  const call = async (method: string, path: string, body?: Buffer): Promise<Response> =>
    fetch(`${hub.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${hub.app.adminToken}`, 'content-type': 'application/zip' },
      ...(body ? { body: new Uint8Array(body) } : {}),
    });
  const trained = async (archive: Buffer): Promise<string> => {
    const made = await call('POST', '/bots/import', archive);
    const bot = (await made.json()) as { appId: string };
    assert.equal(made.status, 201, JSON.stringify(bot));
    const { body } = await hub.api('POST', `/bots/${bot.appId}/train?wait=true`);
    assert.equal(body.state, 'done', JSON.stringify(body));
    return bot.appId;
  };
  type Say = (sender: string, message: string) => Promise<{ text?: string; image?: string }[]>;
  const talk = async (talks: string[][], say: Say): Promise<string[]> => {
    const said: string[] = [];
    for (const [at, turns] of talks.entries()) {
      for (const turn of turns) {
        const replies = await say(`anna-${at}`, turn);
        said.push(`${turn}: ${replies.map(({ text, image }) => text ?? image).join(' | ')}`);
      }
    }
    return said;
  };
  const ours =
    (appId: string): Say =>
    async (sender, message) =>
      (await hub.api('POST', `/bots/${appId}/messages`, { sender, message })).body as { text?: string }[];

  /** What plain Rasa says, trained by itself from these files. */
  const plainly = async (name: string, files: ProjectFile[], talks: string[][]): Promise<string[]> => {
    const folder = await mkdtemp(join(tmpdir(), 'sb-projects-'));
    try {
      const project = { name, files, modules: null, questions: [] };
      const archive = join(folder, 'model.tar.gz');
      await plainTrain(python, project, archive);
      const plain = await plainRasa(python, project, archive);
      try {
        return await talk(
          talks,
          async (sender, message) =>
            (await plain.post('/webhooks/rest/webhook', { sender, message })) as { text?: string }[],
        );
      } finally {
        await plain.stop();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };

  for (const [name, { folder, pack, talks }] of Object.entries(cases)) {
    if (!full && name !== 'booking') continue;
    it(`imports, trains, answers, is exported and trained again: ${name}`, async () => {
      const files = await filesOf(folder(python));
      const appId = await trained(pack(files));
      const said = await talk(talks, ours(appId));
      assert.ok(
        said.every((line) => !line.endsWith(': ')),
        said.join('\n'),
      );
      if (name === 'booking') {
        assert.equal(said.at(5), '4: A table for 4 in Rome is booked.');
        assert.equal(said.at(6), 'reserve a desk in Berlin: For how many people?');
        assert.equal(said.at(4), '99: Between 1 and 12, please. | For how many people?');
      }
      const archive = Buffer.from(await (await call('GET', `/bots/${appId}/export`)).arrayBuffer());
      assert.deepEqual(await talk(talks, ours(await trained(archive))), said);
      if (full) assert.deepEqual(await plainly(name, await unpacked(archive), talks), said);
    });
  }

  describe('that is a template', () => {
    const shown: Record<string, { say: string[][]; hear: RegExp[] }> = {
      chitchat: {
        say: [['hello there', 'what is your name?', 'tell me something funny']],
        hear: [/Hello!/, /I am a chat bot/, /UDP/],
      },
      story: {
        say: [['hi', 'I would like to make a journey', 'Roma', 'yes please', 'no thank you', 'how warm is it?']],
        hear: [
          /Berlin, Rome and Shanghai/,
          /To which city/,
          /Rome is a good choice/,
          /In Rome it is warm/,
          /Goodbye/,
          /In Rome/,
        ],
      },
      form: {
        say: [
          [
            'a table on friday',
            'we are 200 people',
            'when are you open?',
            'four',
            'call 12',
            '030 1234567',
            'yes, book it',
            'good morning',
          ],
        ],
        hear: [
          /For how many people/,
          /not what I need/,
          /noon to ten.*For how many people/,
          /phone number/,
          /not what I need|phone number/,
          /table on friday for 4, and we call 030 1234567/,
          /Booked\. See you on friday/,
          /I book tables/,
        ],
      },
      handoff: {
        say: [
          ['where is my parcel?', 'do you sell dinosaurs?', 'yes please'],
          // A person is called for: the bot is silent there.
          ['your service is terrible', 'no thanks', 'is there a human I can talk to?'],
        ],
        hear: [
          /updated every hour/,
          /did not get that.*Shall I get a person/,
          /hand you over/,
          /sorry.*Shall I/,
          /What else/,
          /hand you over/,
        ],
      },
    };
    for (const [template, { say, hear }] of Object.entries(shown)) {
      it(`trains and answers: ${template}`, async () => {
        const { appId } = (await hub.api('POST', '/bots', { name: template, template })).body as { appId: string };
        const { body } = await hub.api('POST', `/bots/${appId}/train?wait=true`);
        assert.equal(body.state, 'done', JSON.stringify(body));
        const said = await talk(say, ours(appId));
        assert.equal(said.length, hear.length);
        for (const [at, line] of said.entries()) assert.match(line, hear[at]!, said.join('\n'));
      });
    }
  });
});
