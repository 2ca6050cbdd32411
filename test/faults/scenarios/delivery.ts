/** Platforms as they are: F15 copies, F16 late copies, F17 rate limits, F18 lost receipts, F23 clocks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { platformNames } from '../../support/standins.js';
import type { JournalReply } from '../platform.js';
import {
  basics,
  type Finding,
  quantile,
  type Rig,
  type RigOptions,
  type Scenario,
  type Settings,
  speed,
  withRig,
} from '../rig.js';

/** Every event as four deliveries within 5 ms on four connections. */
export async function duplicateStorm(options: RigOptions, settings: Settings = {}): Promise<Finding> {
  return withRig({ options, settings }, async (rig) => {
    const events = options.short ? 250 : 2500;
    const running = new Set<Promise<unknown>>();
    // The MongoDB test server searches without indexes: it gets no more at once than it answers before the platforms give up.
    const most = options.store === 'mongo' ? 16 : Infinity;
    const started = performance.now();
    for (let i = 0; i < events; i += 1) {
      while (running.size >= most) await Promise.race(running);
      const wait = started + i * 12 - performance.now();
      if (wait > 0) await sleep(wait);
      const name = platformNames[i % 3]!;
      const platform = rig.platforms[name];
      const appId = rig.bots[i % rig.bots.length]!;
      const first = platform.say(appId, { id: `E${rig.nextId()}`, chat: `C${i % 200}`, text: `m${i}` });
      const event = platform.events.at(-1)!;
      const copies = [1, 2, 3].map(() => sleep(rig.random() * 5).then(() => platform.post(event)));
      const all = Promise.all([first, ...copies]).finally(() => running.delete(all));
      running.add(all);
    }
    await Promise.all(running);
    await rig.settled();
    const counts = rig.counts();
    const acks = rig.events.map((event) => event.ackMs ?? 0);
    const p99 = quantile(acks, 0.99);
    const turns = [...rig.bot.turns.values()].reduce((sum, one) => sum + one, 0);
    const failures = basics(counts);
    if (turns !== events) failures.push(`${turns} turns for ${events} events`);
    if (counts.duplicated > 0) failures.push(`${counts.duplicated} copies`);
    // The everyday tests share their machine; times are judged in the whole campaign alone.
    if (p99 > 300) failures.push(...speed(options, [`ack p99 ${Math.round(p99)} ms`]));
    const notes = [`${events * 4} deliveries, ${turns} turns, ack p99 ${Math.round(p99)} ms`];
    return { faults: events * 3, counts, notes, failures };
  });
}

const f15: Scenario = { id: 'F15', title: 'a storm of copies', run: (options) => duplicateStorm(options) };

const f16: Scenario = {
  id: 'F16',
  title: 'copies after newer messages, and while the first still runs',
  run: (options) =>
    withRig({ options }, async (rig) => {
      const sequences = options.short ? 50 : 1000;
      rig.bot.behave = (text) => ({ ms: text.endsWith('.0') ? 30 : 2 });
      const sequence = async (n: number): Promise<void> => {
        const name = platformNames[n % 3]!;
        const platform = rig.platforms[name];
        const say = (k: number) =>
          platform.say(rig.bots[n % 20]!, { id: `E${rig.nextId()}`, chat: `S${n}`, text: `s${n}.${k}` });
        const first = await say(0);
        // The first is being answered now; its copy comes meanwhile, and again after two newer ones.
        await platform.post(first);
        await say(1);
        await say(2);
        await platform.post(first);
      };
      for (let n = 0; n < sequences; n += 20) {
        await Promise.all(Array.from({ length: Math.min(20, sequences - n) }, (_, i) => sequence(n + i)));
      }
      await rig.settled();
      const counts = rig.counts();
      const failures = basics(counts);
      if (counts.duplicated > 0) failures.push(`${counts.duplicated} copies`);
      return { faults: sequences * 2, counts, notes: [], failures };
    }),
};

const inWindow = (times: number[], ms: number): number =>
  Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + ms).length));

const f17: Scenario = {
  id: 'F17',
  title: '429 with Retry-After on a conversation, then on a whole bot',
  run: (options) =>
    withRig({ options, settings: { limited: true }, bots: 2 }, async (rig) => {
      const seconds = options.short ? 3 : 30;
      const [held, free] = rig.bots as [string, string];
      const { telegram } = rig.platforms;
      const failures: string[] = [];
      // Telegram's own pace is one a second; a little less lets the clock of the journal be a little off.
      const paceMs = 950;
      for (const scope of ['conversation', 'bot'] as const) {
        const chat = `held-${scope}`;
        let until = 0;
        telegram.verdict = (reply) => {
          const concerns = scope === 'bot' ? !reply.text.includes('free') : reply.chat === chat;
          if (!concerns || (until > 0 && performance.now() >= until)) return { kind: 'take' };
          if (until === 0) until = performance.now() + seconds * 1000;
          return { kind: 'limit', seconds, scope };
        };
        const say = (appId: string, where: string, text: string) =>
          telegram.say(appId, { id: `${rig.nextId()}`, chat: where, text });
        await say(held, chat, `${scope} first`);
        await rig.until('the 429', 10, () => until > 0);
        await Promise.all([1, 2, 3].map((n) => say(held, chat, `${scope} ${n}`)));
        const asked = performance.now();
        await say(held, `${chat}-other`, `${scope} other`);
        await say(free, `${chat}-free`, `${scope} free`);
        await rig.until('the other conversations', seconds + 20, () =>
          telegram.replies.some((r) => r.chat === `${chat}-other`),
        );
        await rig.settled(seconds * 1000 + 8000);
        const at = (where: string): number[] => telegram.replies.filter((r) => r.chat === where).map((r) => r.at);
        const early = telegram.attempts.filter((r) => r.chat === chat && r.at < until - 20).length - 1;
        if (early > 0) failures.push(`${early} sendings to ${chat} before the deadline`);
        // Who was answered before the deadline did not wait for it.
        const waited = (where: string, who: string): string[] => {
          const answered = at(where)[0] ?? Infinity;
          const words = [`${who} waited ${Math.round(answered - asked)} ms`];
          if (answered >= until) return words;
          return answered - asked > 1000 ? speed(options, words) : [];
        };
        if (scope === 'conversation') failures.push(...waited(`${chat}-other`, 'another conversation'));
        if (scope === 'bot' && (at(`${chat}-other`)[0] ?? 0) < until - 20)
          failures.push('the bot sent before its deadline');
        failures.push(...waited(`${chat}-free`, 'another bot'));
        const burst = inWindow(at(chat), paceMs);
        if (burst > 1) failures.push(`${burst} in one second to ${chat}`);
      }
      telegram.verdict = () => ({ kind: 'take' });
      failures.push(...(await windows(rig, free)));
      const counts = rig.counts();
      return {
        faults: 2,
        counts,
        notes: [`Retry-After ${seconds} s, twice`],
        failures: [...basics(counts), ...failures],
      };
    }),
};

/** A bot that answers many chats at once keeps to the platform's windows. */
async function windows(rig: Rig, appId: string): Promise<string[]> {
  const says: Promise<unknown>[] = [];
  for (let n = 0; n < 90; n += 1) {
    says.push(rig.platforms.telegram.say(appId, { id: `${rig.nextId()}`, chat: `w${n}`, text: `w${n}` }));
    if (n < 20) says.push(rig.platforms.teams.say(appId, { id: `t${rig.nextId()}`, chat: 'busy', text: `t${n}` }));
  }
  await Promise.all(says);
  await rig.settled(10_000);
  const times = (replies: JournalReply[], pick: (reply: JournalReply) => boolean) =>
    replies.filter(pick).map(({ at }) => at);
  const bot = inWindow(
    times(rig.platforms.telegram.replies, ({ text }) => /^echo w/.test(text)),
    950,
  );
  const teams = inWindow(
    times(rig.platforms.teams.replies, ({ chat }) => chat === 'busy'),
    950,
  );
  return [
    ...(bot > 30 ? [`${bot} sendings of one bot in a second`] : []),
    ...(teams > 7 ? [`${teams} Teams sendings in a second`] : []),
  ];
}

const f18: Scenario = {
  id: 'F18',
  title: 'the platform takes a reply and its receipt is lost',
  run: (options) =>
    withRig({ options }, async (rig) => {
      const times = options.short ? 20 : 200;
      const lostTwice = new Set<string>();
      for (const name of platformNames) {
        const seen = new Set<string>();
        rig.platforms[name].verdict = ({ chat, text }) => {
          const again = seen.has(`${chat} ${text}`);
          seen.add(`${chat} ${text}`);
          // One in ten loses the receipt of the copy too.
          if (again && !text.endsWith('7')) return { kind: 'take' };
          if (again) lostTwice.add(text);
          return text.startsWith('echo later') ? { kind: 'take' } : { kind: 'lose' };
        };
      }
      const started = performance.now();
      await Promise.all(
        Array.from({ length: times }, async (_, n) => {
          const platform = rig.platforms[platformNames[n % 3]!];
          const chat = `L${n}`;
          await platform.say(rig.bots[n % 20]!, { id: `E${rig.nextId()}`, chat, text: `m${n}` });
          await platform.say(rig.bots[n % 20]!, { id: `E${rig.nextId()}`, chat, text: `later ${n}` });
        }),
      );
      await rig.settled(12_000);
      const blocked =
        Math.max(...rig.replies.filter(({ text }) => text.startsWith('echo later')).map(({ at }) => at)) - started;
      const counts = rig.counts();
      const failures = basics(counts);
      const copies = new Map<string, number>();
      for (const { chat, text } of rig.replies) copies.set(`${chat} ${text}`, (copies.get(`${chat} ${text}`) ?? 0) + 1);
      const most = Math.max(...copies.values());
      if (most > 2) failures.push(`${most} copies of one reply`);
      if (blocked > 30_000) failures.push(`a conversation was held up for ${Math.round(blocked)} ms`);
      const marked = await markedTwice(rig);
      if (marked !== times) failures.push(`${marked} of ${times} are marked`);
      const letters = ((await rig.api('GET', '/dead-letters?limit=500')) as { items: unknown[] }).items.length;
      if (letters !== lostTwice.size)
        failures.push(`${letters} dead letters for ${lostTwice.size} receipts that were lost twice`);
      const notes = [`longest hold-up ${Math.round(blocked)} ms, ${marked} marked, ${letters} dead letters`];
      return { faults: times, counts, notes, failures };
    }),
};

/** How many of the messages m0 … are marked as perhaps delivered twice. */
async function markedTwice(rig: Rig): Promise<number> {
  let marked = 0;
  for (const appId of rig.bots) {
    const list = (await rig.api('GET', `/bots/${appId}/conversations?limit=500`)) as { items: { id: string }[] };
    for (const { id } of list.items) {
      const { items } = (await rig.api('GET', `/bots/${appId}/conversations/${encodeURIComponent(id)}`)) as {
        items: { text: string; maybeTwice: boolean }[];
      };
      marked += items.filter(({ text, maybeTwice }) => /^m\d+$/.test(text) && maybeTwice).length;
    }
  }
  return marked;
}

const f23: Scenario = {
  id: 'F23',
  title: 'the clock is set, ±10 minutes and ±2 hours',
  run: (options) =>
    withRig({ options, bots: 5 }, async (rig) => {
      const failures: string[] = [];
      const steps = [10, -10, 120, -120].map((minutes) => minutes * 60_000);
      const { slack, teams } = rig.platforms;
      for (const [n, clock] of steps.entries()) {
        // A reply that waits for its retry when the clock is set leaves in time all the same.
        let refused = false;
        teams.verdict = () => {
          if (refused) return { kind: 'take' };
          refused = true;
          return { kind: 'limit', seconds: 2, scope: 'conversation' };
        };
        const held = await teams.say(rig.bots[0]!, { id: `t${rig.nextId()}`, chat: `clock${n}`, text: `held ${n}` });
        await rig.until('the 429', 10, () => refused);
        await rig.tell({ clock });
        const posted = await slack.post({ ...held, platform: 'slack', id: `E${rig.nextId()}`, ackedAt: null });
        if (posted !== 401) failures.push(`a signature ${clock / 60_000} minutes off got ${posted}`);
        await rig.until('the held reply', 10, () => teams.replies.some(({ text }) => text === `echo held ${n}`));
        const copies = await teams.post(held);
        if (copies !== 200) failures.push(`the copy of an old event got ${copies}`);
        await rig.tell({ clock: 0 });
        const good = await slack.say(rig.bots[1]!, { id: `E${rig.nextId()}`, chat: `good${n}`, text: `good ${n}` });
        if (good.ackedAt === null) failures.push('a right signature was refused');
      }
      await rig.settled();
      const counts = rig.counts();
      if (counts.duplicated > 0) failures.push(`${counts.duplicated} copies`);
      return { faults: steps.length, counts, notes: [], failures: [...basics(counts), ...failures] };
    }),
};

export const deliveryScenarios: Scenario[] = [f15, f16, f17, f18, f23];
