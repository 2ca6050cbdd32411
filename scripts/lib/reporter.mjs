/**
 * Mocha's spec reporter that also keeps a note for scripts/test.mjs in the file SWITCHBOARD_TEST_NOTE: the counts, what failed, what runs
 * now and until when it may. A run that does not end by itself is ended here, after saying what is still open and which files left something open.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import Mocha from 'mocha';

/** Patience beyond a test's own timeout, and for what closes after the last test. */
const graceMs = 30_000;
const lingerMs = 5000;
const lookMs = 1000;
/** So much of an error is said again at the end of all tests. */
const whyLength = 2000;
/** A test without a timeout may take this long. */
const endlessMs = 10 * 60_000;

export default class NotingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    this.note = {
      passed: 0,
      failed: 0,
      skipped: 0,
      failures: [],
      ended: false,
      now: 'loading the test files',
      until: Date.now() + 4 * graceMs,
    };
    this.leaks = [];
    const events = Mocha.Runner.constants;
    runner.on(events.EVENT_TEST_BEGIN, (test) => this.begin(test));
    runner.on(events.EVENT_HOOK_BEGIN, (hook) => this.begin(hook));
    runner.on(events.EVENT_TEST_PASS, () => (this.note.passed += 1));
    runner.on(events.EVENT_TEST_FAIL, (test, error) => this.fail(test, error));
    runner.on(events.EVENT_TEST_PENDING, () => (this.note.skipped += 1));
    runner.on(events.EVENT_RUN_END, () => this.end());
    this.watchFiles(runner, events);
    this.write();
  }

  begin(runnable) {
    const began = Date.now();
    const look = () => {
      const until = began + (runnable.timeout() || endlessMs) + graceMs;
      if (until === this.note.until) return;
      this.note.until = until;
      this.write();
    };
    this.note.now = `${relative(process.cwd(), fileOf(runnable))}: ${runnable.fullTitle()}`;
    this.note.until = 0;
    look();
    // It may give itself more time once it runs.
    clearInterval(this.looking);
    this.looking = setInterval(look, lookMs).unref();
  }

  fail(test, error) {
    this.note.failed += 1;
    const why = String(error?.stack ?? error).slice(0, whyLength);
    this.note.failures.push(`${relative(process.cwd(), fileOf(test))}: ${test.fullTitle()}\n${why}`);
  }

  watchFiles(runner, events) {
    let before = new Map();
    runner.on(events.EVENT_SUITE_BEGIN, (suite) => {
      if (suite.parent?.root) before = openNow();
    });
    runner.on(events.EVENT_SUITE_END, (suite) => {
      if (!suite.parent?.root) return;
      const more = [...openNow()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind]) => kind);
      if (more.length > 0)
        this.leaks.push(`  ${relative(process.cwd(), fileOf(suite))} (${suite.title}): ${more.join(', ')}`);
    });
  }

  end() {
    clearInterval(this.looking);
    Object.assign(this.note, { ended: true, now: 'waiting for the end of the process', until: Date.now() + graceMs });
    this.write();
    // It fires only when something keeps the process alive.
    setTimeout(() => this.hang(), lingerMs).unref();
  }

  hang() {
    const open = [...openNow()].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'nothing known';
    const files = this.leaks.length > 0 ? `\nMore was open after these than before:\n${this.leaks.join('\n')}` : '';
    process.stderr.write(`The tests have ended, but their process does not: still open ${open}.${files}\n`);
    this.note.failed += 1;
    this.note.failures.push(`A process that does not end: still open ${open}.${files}`);
    this.write();
    process.exit(1);
  }

  write() {
    const path = process.env.SWITCHBOARD_TEST_NOTE;
    if (!path) return;
    writeFileSync(`${path}.draft`, JSON.stringify(this.note));
    renameSync(`${path}.draft`, path);
  }
}

/** How many of each kind of thing keep the process alive. */
function openNow() {
  const kinds = process.getActiveResourcesInfo().filter((kind) => !/^(Immediate|TTYWrap|FSReqPromise)$/.test(kind));
  return kinds.reduce((counts, kind) => counts.set(kind, (counts.get(kind) ?? 0) + 1), new Map());
}

function fileOf(runnable) {
  for (let at = runnable; at; at = at.parent) if (at.file) return at.file;
  return '';
}
