import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLineSplitter, startChild, type ChildOptions } from '../src/child.js';

const env = { PATH: process.env['PATH'] ?? '' };

function shell(script: string, more: Partial<ChildOptions> = {}): ChildOptions {
  return { command: '/bin/sh', args: ['-c', script], cwd: '/', env, ...more };
}

/** A zombie that nobody has reaped yet is dead. */
function alive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; waited < 5000; waited += 10) {
    if (condition()) return;
    await sleep(10);
  }
  assert.fail(`waited 5 s for: ${what}`);
}

describe('A child process', () => {
  it('delivers its lines and its exit code, the last line without a line end too', async () => {
    const out: string[] = [];
    const err: string[] = [];
    const child = startChild(
      shell('echo one; echo two >&2; printf three; exit 7', {
        onStdoutLine: (line) => out.push(line),
        onStderrLine: (line) => err.push(line),
      }),
    );
    assert.deepEqual(await child.exited, { code: 7, signal: null, reason: null });
    assert.deepEqual(out, ['one', 'three']);
    assert.deepEqual(err, ['two']);
    assert.deepEqual([...child.lines()].sort(), ['one', 'three', 'two']);
  });

  it('gets the line on its standard input and nothing of our environment', async () => {
    process.env['SWITCHBOARD_CANARY'] = 'secret';
    const child = startChild(shell('cat; env | grep -c CANARY; env | sort | cut -d= -f1', { stdinLine: '{"a":1}' }));
    await child.exited;
    delete process.env['SWITCHBOARD_CANARY'];
    assert.equal(child.lines()[0], '{"a":1}');
    assert.equal(child.lines()[1], '0');
    assert.ok(child.lines().includes('PATH'));
  });

  it('that talks is heard line by line, and its standard output is kept out of its log', async () => {
    const heard: string[] = [];
    // It is stopped at "heard two": by then its log is written.
    const echo = 'while read line; do echo "log $line" >&2; echo "heard $line"; done';
    const child = startChild({
      command: 'sh',
      args: ['-c', echo],
      cwd: '/tmp',
      env: { PATH: process.env['PATH'] ?? '' },
      talks: true,
      onStdoutLine: (line) => {
        heard.push(line);
        if (line === 'heard two') void child.stop();
      },
    });
    child.say('one');
    child.say('two');
    await child.exited;
    child.say('nobody hears this');
    assert.deepEqual(heard, ['heard one', 'heard two']);
    assert.deepEqual(child.lines(), ['log one', 'log two']);
  });

  it('that does not read its standard input harms nobody', async () => {
    const child = startChild(shell('exec 0<&-; exit 0', { stdinLine: 'x'.repeat(1_000_000) }));
    assert.equal((await child.exited).code, 0);
  });

  it('that ignores TERM is killed after the grace, and all who stop it share one ending', async () => {
    const child = startChild(shell('trap "" TERM; echo ready; while :; do sleep 0.05; done'));
    await until(() => child.lines().includes('ready'), 'ready');
    const began = Date.now();
    const [first, second] = await Promise.all([child.stop(300), child.stop(60_000)]);
    assert.deepEqual(first, { code: null, signal: 'SIGKILL', reason: null });
    assert.equal(second, first);
    assert.ok(Date.now() - began >= 280 && Date.now() - began < 3000);
    assert.equal(await child.stop(), first);
  });

  it('that honours TERM may say a last word', async () => {
    const child = startChild(shell('trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.02; done'));
    await until(() => child.lines().includes('ready'), 'ready');
    assert.equal((await child.stop()).code, 3);
    assert.ok(child.lines().includes('bye'));
  });

  it('takes its children along, by stop and by its own end', async () => {
    for (const ending of ['wait', 'exit 0']) {
      const child = startChild(shell(`sh -c 'trap "" TERM; while :; do sleep 0.05; done' & echo $!; ${ending}`));
      await until(() => child.lines().length > 0, 'the grandchild');
      const grandchild = Number(child.lines()[0]);
      if (ending === 'wait') await child.stop(200);
      await child.exited;
      await until(() => !alive(grandchild), `the grandchild to die after ${ending}`);
    }
  });

  it('that cannot be started is an exit with a reason', async () => {
    const missing = startChild({ command: '/no/such/binary', args: [], cwd: '/', env });
    const exit = await missing.exited;
    assert.equal(exit.code, null);
    assert.match(exit.reason ?? '', /ENOENT/);
    assert.equal(missing.pid, null);
    assert.equal(await missing.stop(), exit);
    const refused = startChild({ command: '/bin/sh', args: ['nul\0byte'], cwd: '/', env });
    assert.match((await refused.exited).reason ?? '', /null bytes/);
    const nowhere = startChild({ command: '/bin/sh', args: [], cwd: '/no/such/folder', env });
    assert.match((await nowhere.exited).reason ?? '', /ENOENT/);
  });

  it('keeps the head of a line of 1 MB, and the newest 500 lines', async () => {
    const lines: string[] = [];
    const child = startChild(
      shell('head -c 1000000 /dev/zero | tr "\\0" x; echo; seq 1 600', { onStdoutLine: (line) => lines.push(line) }),
    );
    await child.exited;
    assert.equal(lines.length, 601);
    assert.equal(lines[0], 'x'.repeat(8192));
    assert.equal(lines[600], '600');
    assert.equal(child.lines().length, 500);
    assert.equal(child.lines()[0], '101');
  });
});

describe('The line splitter', () => {
  function split(chunks: Buffer[], max = 100): string[] {
    const lines: string[] = [];
    const splitter = createLineSplitter(max, (line) => lines.push(line));
    for (const chunk of chunks) splitter.push(chunk);
    splitter.end();
    return lines;
  }

  it('keeps characters whole that arrive in pieces', () => {
    const bytes = Buffer.from('你好 🎉\nпривет\n');
    const single = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
    assert.deepEqual(split(single), ['你好 🎉', 'привет']);
  });

  it('shows of a progress bar what a terminal would show last', () => {
    assert.deepEqual(split([Buffer.from(' 1%\r 2%\r'), Buffer.from(' 3%\r\nend\r'), Buffer.from('\n')]), [
      ' 3%',
      'end',
    ]);
  });

  it('drops blank lines and the tail of long ones', () => {
    assert.deepEqual(split([Buffer.from('\n\nab'), Buffer.from('cdef\ngh')], 4), ['abcd', 'gh']);
  });
});
