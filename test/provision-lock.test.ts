import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from '../src/engines/rasa/provision-lock.js';

describe('The lock of an environment', () => {
  let folder: string;
  let path: string;
  const say = (): void => undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'switchboard-lock-'));
    path = join(folder, 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const owned = (owner: object): void => {
    mkdirSync(path);
    writeFileSync(join(path, 'owner.json'), JSON.stringify(owner));
  };
  const soon = async (): Promise<boolean> => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error('still held')), 1000);
    try {
      await (
        await takeLock(path, { say, signal: stop.signal })
      )();
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  };

  it('is held by one at a time and tells who holds it', async () => {
    const release = await takeLock(path, { say });
    const told: string[] = [];
    const second = takeLock(path, { say: (words) => told.push(words) });
    await sleep(700);
    assert.deepEqual(told, [`Waiting for process ${process.pid}, which is preparing Rasa already`]);
    await release();
    await (
      await second
    )();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is taken over from a process that has gone, or whose number another process has now', async () => {
    owned({ pid: 2 ** 22 + 1, started: '1', host: hostname() });
    assert.equal(await soon(), true);
    owned({ pid: process.pid, started: 'another time', host: hostname() });
    assert.equal(await soon(), process.platform === 'linux');
  });

  it('is left to a holder on another machine that is heard of', async () => {
    owned({ pid: 2 ** 22 + 1, started: '1', host: 'elsewhere' });
    assert.equal(await soon(), false);
  });
});
