import assert from 'node:assert/strict';
import { createMailbox } from '../src/hub/mailbox.js';

const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the mailbox', () => {
  it('does the work of one key in order and of two keys side by side', async () => {
    const mailbox = createMailbox(10);
    const seen: string[] = [];
    const work = (name: string, ms: number) => async () => {
      await soon(ms);
      seen.push(name);
    };
    await Promise.all([
      mailbox.post('a', work('a1', 40)),
      mailbox.post('a', work('a2', 1)),
      mailbox.post('b', work('b1', 10)),
    ]);
    assert.deepEqual(seen, ['b1', 'a1', 'a2']);
  });

  it('goes on after a piece of work that failed', async () => {
    const mailbox = createMailbox(10);
    const failed = mailbox.post('a', () => Promise.reject(new Error('no')));
    const next = mailbox.post('a', () => Promise.resolve('yes'));
    await assert.rejects(failed, /no/);
    assert.equal(await next, 'yes');
  });

  it('refuses in words when too much waits, and only there, and still does what was accepted', async () => {
    const mailbox = createMailbox(2);
    const slow = [mailbox.post('a', () => soon(20)), mailbox.post('a', () => soon(1))];
    assert.throws(() => mailbox.check('a'), { code: 'mailbox_full' });
    mailbox.check('b');
    assert.equal(await mailbox.post('a', () => Promise.resolve('done')), 'done');
    await Promise.all(slow);
    mailbox.check('a');
  });

  it('is idle when nothing waits', async () => {
    const mailbox = createMailbox(2);
    let done = false;
    void mailbox.post('a', async () => {
      await soon(20);
      done = true;
    });
    await mailbox.idle();
    assert.ok(done);
  });
});
