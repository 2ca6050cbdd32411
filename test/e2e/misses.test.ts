import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';

interface Set {
  pairs: { Q: { q: string }[]; A: string }[];
  asked: { text: string; pair: number }[];
}
const setOf = (name: string): Set => JSON.parse(readFileSync(`bench/answers/data/${name}.json`, 'utf8')) as Set;

/** Thirty things, each asked in six ways, that a dentist's bot knows nothing of. */
function thirtyThings(): { topic: number; text: string }[] {
  const { pairs, asked } = setOf('city-1000');
  return Array.from({ length: 30 }, (_, n) => n * 33).flatMap((topic) => {
    const own = (pairs[topic]?.Q ?? []).map(({ q }) => q);
    const more = asked.filter(({ pair }) => pair === topic).map(({ text }) => text);
    return [...own, ...more].map((text) => ({ topic, text }));
  });
}

describe('People who ask what a bot does not know', function () {
  this.timeout(120_000);
  let hub: TestHub;
  let appId: string;
  const things = thirtyThings();
  const topics = new Map(things.map(({ text, topic }) => [text, topic]));
  before(async () => {
    hub = await newHub({ rasa: realRasa() });
    // A careful one, that would rather say it does not know.
    appId = (await hub.api('POST', '/bots', { name: 'Dentist', threshold: 0.85 })).body.appId as string;
    const { body } = await hub.api('POST', `/bots/${appId}/train?wait=true`, setOf('dentist-30').pairs);
    assert.equal(body.state, 'done', JSON.stringify(body));
  });
  after(() => hub.stop());
  type Cluster = { clusterId: string; people: number; turns: number; texts: { text: string; times: number }[] };

  /** The thing that most of a cluster asks for, where it holds most of who asked for it. */
  function thingOf({ texts, turns }: Cluster): number | undefined {
    const counts = new Map<number, number>();
    for (const { text, times } of texts) {
      const topic = topics.get(text) ?? -1;
      counts.set(topic, (counts.get(topic) ?? 0) + times);
    }
    const [topic, count] = [...counts].sort((one, other) => other[1] - one[1])[0] ?? [-1, 0];
    const all = things.filter((thing) => thing.topic === topic).length;
    return count * 2 > turns && count * 2 > all ? topic : undefined;
  }

  it('are heard: 200 of them with 30 questions, five of which are answered and asked again', async () => {
    const people = Array.from({ length: 200 }, (_, n) => ({
      sender: `p${n}`,
      message: things[n % things.length]!.text,
    }));
    for (let at = 0; at < people.length; at += 20)
      await Promise.all(people.slice(at, at + 20).map((one) => hub.api('POST', `/bots/${appId}/messages`, one)));
    const { body } = await hub.api('GET', `/bots/${appId}/misses`);
    const clusters = body.items as Cluster[];
    const found = new Map(clusters.map((cluster) => [thingOf(cluster), cluster]));
    found.delete(undefined);
    assert.ok(found.size >= 25, `${found.size} of 30 things found in ${clusters.length} clusters`);

    const [before] = (await hub.api('GET', `/bots/${appId}/jobs`)).body.items as { jobId: string }[];
    for (const [topic, { clusterId }] of [...found].slice(0, 5)) {
      const answer = setOf('city-1000').pairs[topic!]!.A;
      const given = await hub.api('POST', `/bots/${appId}/misses/${clusterId}/answer`, { answer });
      assert.equal(given.status, 202, JSON.stringify(given.body));
    }
    const reports = await eventually(async () => {
      const told = (await hub.api('GET', `/bots/${appId}/misses`)).body.reports as Record<string, unknown>[];
      return told.every(({ state }) => state === 'done' || state === 'failed') ? told : null;
    }, 60);
    const sum = (name: string): number => reports.reduce((all, report) => all + Number(report[name]), 0);
    assert.ok(reports.length === 5 && sum('answered') >= 0.9 * sum('turns'), JSON.stringify(reports));
    const jobs = (await hub.api('GET', `/bots/${appId}/jobs`)).body.items as { jobId: string }[];
    assert.equal(
      jobs.findIndex(({ jobId }) => jobId === before?.jobId),
      1,
      'one training for five answers',
    );
  });

  it('are the measure of what comes after: a bad training set is stopped, a good one passes', async () => {
    const { pairs, asked } = setOf('dentist-30');
    const before = (await hub.api('GET', `/bots/${appId}/faq`)).body as Set['pairs'];
    await hub.api('PATCH', `/bots/${appId}`, { threshold: 0.25 });
    assert.equal((await hub.api('POST', `/bots/${appId}/train?wait=true`)).body.state, 'done');
    const stored = (await hub.api('GET', `/bots/${appId}/faq/pairs`)).body.items as { id: string }[];
    // Questions that it was not taught, and five people with two of its own questions each.
    const questions = asked.map(({ text, pair }) => ({ text, intent: stored[pair]!.id }));
    await hub.api('PUT', `/bots/${appId}/tests`, { questions });
    const scored = (await hub.api('POST', `/bots/${appId}/tests/run`)).body.score as { right: number; asked: number };
    assert.ok(scored.asked === 60 && scored.right > 30, `${scored.right} of ${scored.asked} right`);
    const said = Array.from({ length: 10 }, (_, n) => ({ at: n * 3, person: `old-${n % 5}` }));
    for (const { at, person } of said) {
      const one = { sender: person, message: pairs[at]!.Q[0]!.q };
      const { body } = await hub.api('POST', `/bots/${appId}/messages`, one);
      assert.equal(body[0].text, pairs[at]!.A, one.message);
    }
    const talks = (await hub.api('GET', `/bots/${appId}/conversations`)).body.items as { id: string }[];
    const made = await hub.api('POST', `/bots/${appId}/tests`, {
      conversation: talks.find(({ id }) => id.includes('old-0'))!.id,
    });
    assert.equal(made.status, 201);
    const minScore = (scored.right - 3) / scored.asked;
    await hub.api('PUT', `/bots/${appId}/gate`, { closed: true, conversations: 5, maxChangedPercent: 0, minScore });
    const train = async (faq: unknown) =>
      (await hub.api('POST', `/bots/${appId}/train?wait=true`, faq)).body as {
        state: string;
        error: { code: string } | null;
      };
    const report = async () => {
      const [{ modelId }] = (await hub.api('GET', `/bots/${appId}/models`)).body.items as [{ modelId: string }];
      const { body } = await hub.api('GET', `/bots/${appId}/models/${modelId}/gate`);
      const changes = body.replay.changes as { text: string; from: string; to: string }[];
      return { verdict: body.verdict as string, turns: body.replay.turns as number, changes };
    };
    const inOrder = (changes: { text: string }[]) =>
      changes.toSorted((one, other) => one.text.localeCompare(other.text));

    // Somebody sorted one column of the table and not the other.
    const answers = before.map(({ A }) => A);
    const bad = before.map(({ Q }, at) => ({ Q, A: answers[(at + 1) % answers.length]! }));
    const refused = await train(bad);
    assert.deepEqual([refused.state, refused.error?.code], ['failed', 'gate_refused'], JSON.stringify(refused));
    const stopped = await report();
    assert.deepEqual([stopped.verdict, stopped.turns], ['refused', 10]);
    const expected = said.map(({ at }) => ({ text: pairs[at]!.Q[0]!.q, from: pairs[at]!.A, to: bad[at]!.A }));
    assert.deepEqual(inOrder(stopped.changes.map(({ text, from, to }) => ({ text, from, to }))), inOrder(expected));
    const still = { sender: 'new', message: pairs[0]!.Q[0]!.q };
    assert.equal((await hub.api('POST', `/bots/${appId}/messages`, still)).body[0].text, pairs[0]!.A);
    // A person who asks again is one more conversation; the five are the newest again.
    await hub.api('PUT', `/bots/${appId}/gate`, { closed: true, conversations: 6, maxChangedPercent: 10, minScore });

    const good = [...before.slice(0, 3), { ...before[3]!, A: 'In the new wing.' }, ...before.slice(4)];
    assert.equal((await train(good)).state, 'done');
    const passed = await report();
    assert.equal(passed.verdict, 'promoted');
    assert.deepEqual(
      passed.changes.map(({ text, to }) => [text, to]),
      [[pairs[3]!.Q[0]!.q, 'In the new wing.']],
    );
  });
});
