import assert from 'node:assert/strict';
import { openLog } from '../src/log.js';

describe('the log', () => {
  const capture = () => {
    const lines: string[] = [];
    return { lines, ...openLog({ level: 'info', pretty: false, write: (line) => void lines.push(line) }) };
  };

  it('masks a secret by its value, wherever it stands', () => {
    const { log, hide, lines } = capture();
    hide('canary-"secret"-1');
    log.info(
      { url: 'http://x/?token=canary-"secret"-1', deep: { list: ['canary-"secret"-1'] } },
      'canary-"secret"-1 said',
    );
    log.error(new Error('failed with canary-"secret"-1'));
    assert.equal(lines.length, 2);
    for (const line of lines) {
      assert.ok(!line.includes('canary'), line);
      assert.ok(line.includes('[secret]'));
    }
  });

  it('writes one parsable line per event, whatever a user typed', () => {
    const { log, lines } = capture();
    const nasty = ['a\nb', '\u001b[2J', '\u202egnp.exe', '{"level":60}', '\r\n{"msg":"forged"}', '\u2028', '\u0085'];
    for (const text of nasty) log.info({ text }, text);
    assert.equal(lines.length, nasty.length);
    for (const line of lines) {
      assert.equal(line.trimEnd().split(/\r?\n/).length, 1);
      assert.ok(!/[\u001b\u202e\u0085]/.test(line));
      JSON.parse(line);
    }
  });
});
