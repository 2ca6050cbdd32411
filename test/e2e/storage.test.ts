/** The shelf over real servers of each kind of cloud storage. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf } from '../../src/config.js';
import { openShelf } from '../../src/training/shelf.js';
import { shelfContract } from '../contract/shelf.js';
import { rejects } from '../contract/store.js';
import { eventually, realRasa } from '../support/hub.js';
import { freePort } from '../support/ports.js';
import { provideTool } from '../support/tools.js';

interface Storage {
  name: 'moto' | 'gcs' | 'azurite';
  words(program: string, port: number, folder: string): [command: string, ...args: string[]];
  /** Makes the bucket; answers MODEL_STORAGE. */
  prepare(endpoint: string): Promise<string>;
}
// Azurite's documented account: it opens nothing but Azurite.
const azureKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const storages: Storage[] = [
  {
    name: 'moto',
    words: (program, port) => [program, '-H', '127.0.0.1', '-p', String(port)],
    async prepare(endpoint) {
      await fetch(`${endpoint}/models`, { method: 'PUT' });
      return `s3://models/deep/shelf?endpoint=${endpoint}&region=us-east-1&access_key_id=k&secret_access_key=s`;
    },
  },
  {
    name: 'gcs',
    words: (program, port) => [
      program,
      'start',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--in-memory',
      '--quiet',
    ],
    async prepare(endpoint) {
      const headers = { 'content-type': 'application/json' };
      await fetch(`${endpoint}/storage/v1/b?project=test`, { method: 'POST', headers, body: '{"name":"models"}' });
      return `gs://models/deep/shelf?endpoint=${endpoint}&allow_anonymous=true&disable_vm_metadata=true&disable_config_load=true`;
    },
  },
  {
    name: 'azurite',
    words: (program, port, folder) => [
      process.execPath,
      program,
      '--blobHost',
      '127.0.0.1',
      '--blobPort',
      String(port),
      '--location',
      folder,
      '--silent',
      '--skipApiVersionCheck',
    ],
    async prepare(endpoint) {
      const url = `azblob://models/deep/shelf?endpoint=${endpoint}/devstoreaccount1&account_name=devstoreaccount1&account_key=${encodeURIComponent(azureKey)}`;
      await makeContainer(endpoint);
      return url;
    },
  },
];

/** Azurite's REST API wants a signature; its container is made as the protocol says. */
async function makeContainer(endpoint: string): Promise<void> {
  const { createHmac } = await import('node:crypto');
  const date = new Date().toUTCString();
  const version = '2021-08-06';
  const canonical = `x-ms-date:${date}\nx-ms-version:${version}\n/devstoreaccount1/devstoreaccount1/models\nrestype:container`;
  const text = `PUT\n\n\n\n\n\n\n\n\n\n\n\n${canonical}`;
  const signature = createHmac('sha256', Buffer.from(azureKey, 'base64')).update(text, 'utf8').digest('base64');
  const response = await fetch(`${endpoint}/devstoreaccount1/models?restype=container`, {
    method: 'PUT',
    headers: { 'x-ms-date': date, 'x-ms-version': version, authorization: `SharedKey devstoreaccount1:${signature}` },
  });
  assert.equal(response.status, 201, await response.text());
}

for (const storage of storages) {
  describe(`On ${storage.name}`, function () {
    this.timeout(120_000);
    let server: ChildProcess;
    let folder = '';
    let url = '';
    before(async function () {
      this.timeout(15 * 60_000);
      const rasa = realRasa();
      const options = {
        cacheDir: configOf(process.env).cacheDir,
        env: process.env,
        python: 'python' in rasa ? rasa.python : '',
        say: (line: string) => console.log(line),
      };
      const program = await provideTool(storage.name, options);
      folder = await mkdtemp(join(tmpdir(), 'sb-storage-'));
      const port = await freePort();
      const [command, ...args] = storage.words(program, port, folder);
      server = spawn(command, args, { stdio: 'ignore' });
      const endpoint = `http://127.0.0.1:${port}`;
      await eventually(
        () =>
          fetch(endpoint).then(
            () => true,
            () => false,
          ),
        60,
      );
      url = await storage.prepare(endpoint);
    });
    after(async () => {
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
      await rm(folder, { recursive: true, force: true });
    });

    let n = 0;
    const fresh = (): string => url.replace('deep/shelf', `deep/shelf-${(n += 1)}`);

    shelfContract(storage.name, async () => {
      const own = await mkdtemp(join(tmpdir(), 'sb-shelf-'));
      const at = fresh();
      let caches = 0;
      const open = () => openShelf(at, join(own, `cache-${(caches += 1)}`));
      return { shelf: await open(), folder: own, reopen: open, dispose: () => rm(own, { recursive: true }) };
    });

    it('carries an archive of 30 MB there and back in a stream, and refuses one that was changed there', async () => {
      const own = await mkdtemp(join(tmpdir(), 'sb-shelf-'));
      const at = fresh();
      const shelf = await openShelf(at, join(own, 'a'));
      const content = randomBytes(30_000_000);
      await writeFile(join(own, 'archive'), content);
      const { digest } = await shelf.putFile(join(own, 'archive'));
      assert.equal(digest, createHash('sha256').update(content).digest('hex'));
      const other = await openShelf(at, join(own, 'b'));
      assert.ok((await readFile(await other.fetch(digest))).equals(content));
      const { operatorOf } = await import('../../src/training/storage.js');
      await operatorOf(at).write(`${digest.slice(0, 2)}/${digest.slice(2)}`, Buffer.from('changed'), {
        contentType: 'text/plain',
      });
      await rejects((await openShelf(at, join(own, 'c'))).fetch(digest), 'model_missing');
      await rm(own, { recursive: true });
    });
  });
}

describe('A storage that is not there', () => {
  it('is said at the start, without the secrets of its address', async () => {
    const own = await mkdtemp(join(tmpdir(), 'sb-shelf-'));
    const at = `s3://models/x?endpoint=http://127.0.0.1:${await freePort()}&region=r&access_key_id=key-of-us&secret_access_key=canary-secret`;
    const error = await openShelf(at, own).then(
      () => null,
      (thrown: unknown) => thrown as Error & { code: string },
    );
    assert.equal(error?.code, 'store_unavailable');
    assert.match(error.message, /MODEL_STORAGE/);
    assert.doesNotMatch(error.message, /canary|key-of-us/);
    await rm(own, { recursive: true });
  });
});
