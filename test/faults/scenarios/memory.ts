/** Bots whose processes change or grow: F6 models switched under load, F26 a process that leaks. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Counts, check } from '../checker.js';
import { leakyPython, startLeak } from '../leak.js';
import { basics, quantile, type Rig, type Scenario, withRig } from '../rig.js';

const question = 'When are you open?';
const other = { Q: [{ q: 'Can I pay by card?' }, { q: 'Which payment methods are there?' }], A: 'By card.' };
/** An answer in two parts, each naming its version: a turn that mixed two versions would show it. */
const faqOf = (version: string) => [
  {
    Q: [{ q: question }, { q: 'opening hours' }, { q: 'At what time do you open?' }],
    A: [{ text: `first ${version}` }, { text: `second ${version}` }],
  },
  other,
];
const firstPart = /^first (\w+)$/;

interface BotFacts {
  state: string;
  activeModel: string;
  pids: number[];
  memory: number | null;
}
const botOf = async (rig: Rig, appId: string) => (await rig.api('GET', `/bots/${appId}`)) as BotFacts;
const pidOf = async (rig: Rig, appId: string): Promise<number | null> => (await botOf(rig, appId)).pids[0] ?? null;
const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

async function newBot(rig: Rig, name: string): Promise<string> {
  return ((await rig.api('POST', '/bots', { name })) as { appId: string }).appId;
}
/** Trains, and answers the id of the model and the path of its archive. */
async function train(rig: Rig, appId: string, version: string): Promise<{ model: string; archive: string }> {
  const job = (await rig.api('POST', `/bots/${appId}/train?wait=true`, faqOf(version))) as { state: string };
  if (job.state !== 'done') throw new Error(`the training ended as ${job.state}`);
  const folder = join(rig.dataDir, 'models');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size > 50_000);
  const archive = files.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]!;
  return { model: (await botOf(rig, appId)).activeModel, archive };
}

/** One event in a chat of its own, so that what is said there is its answer. */
function ask(rig: Rig, appId: string): Promise<unknown> {
  const id = rig.nextId();
  return rig.platforms.teams.say(appId, { id: `E${id}`, chat: `R${id}`, text: question });
}
/** The counters where the first part of an answer stands for it. */
function counted(rig: Rig): Counts {
  const own = ({ text }: { text: string }): string | null =>
    firstPart.test(text) ? question : (/^echo ([\s\S]*)$/.exec(text)?.[1] ?? null);
  const replies = rig.replies.filter(({ text }) => !text.startsWith('second '));
  return check({ events: rig.events, replies, turns: rig.bot.turns }, own);
}
async function settled(rig: Rig, seconds: number): Promise<Counts> {
  await rig.until('all answers', seconds, () => counted(rig).lost === 0).catch(() => undefined);
  await sleep(500);
  return counted(rig);
}
/** Chats of the Rasa bot whose answer is not exactly two parts of one version. */
function mixed(rig: Rig): number {
  const chats = new Map<string, string[]>();
  for (const { chat, text } of rig.platforms.teams.replies)
    if (chat.startsWith('R')) chats.set(chat, [...(chats.get(chat) ?? []), text]);
  const whole = (texts: string[]): boolean => {
    const version = firstPart.exec(texts[0] ?? '')?.[1];
    return texts.length === 2 && texts[1] === `second ${String(version)}`;
  };
  return [...chats.values()].filter((texts) => !whole(texts)).length;
}

/** Messages whose users were told that something went wrong. */
function failedMessages(rig: Rig): string[] {
  const failed = rig.replies.filter(({ text }) => /went wrong/.test(text)).length;
  return failed > 0 ? [`${failed} messages failed`] : [];
}

const f6: Scenario = {
  id: 'F6',
  title: 'a bot changes its model under load, some of the archives corrupt',
  needsRasa: true,
  run: (options) =>
    withRig({ options, settings: { rasa: true }, bots: 1 }, async (rig) => {
      const appId = await newBot(rig, 'Switching');
      const versions = [await train(rig, appId, 'one'), await train(rig, appId, 'two')];
      const switches = options.short ? 4 : 20;
      const load = { on: true, asked: [] as Promise<unknown>[] };
      const asking = (async () => {
        for (; load.on; await sleep(100)) load.asked.push(ask(rig, appId));
      })();
      const failures: string[] = [];
      const sizes: number[] = [];
      let refused = 0;
      let active = 1;
      for (let i = 0; i < switches; i += 1) {
        const next = versions[1 - active]!;
        const corrupt = i % 4 === 2;
        const whole = readFileSync(next.archive);
        if (corrupt) writeFileSync(next.archive, whole.subarray(0, whole.length / 2));
        const done = await rig.api('POST', `/bots/${appId}/models/${next.model}/activate`).then(
          () => true,
          (error: unknown) => (rig.note(String(error)), false),
        );
        if (corrupt) writeFileSync(next.archive, whole);
        if (done) active = 1 - active;
        else refused += 1;
        if (done === corrupt) failures.push(`switch ${i} was ${done ? 'made' : 'refused'}`);
        const bot = await botOf(rig, appId);
        if (bot.activeModel !== versions[active]!.model) failures.push(`switch ${i}: another model is the active one`);
        if (bot.state !== 'awake') failures.push(`switch ${i}: the bot is ${bot.state}`);
        sizes.push(bot.memory ?? 0);
        await sleep(500);
      }
      load.on = false;
      await asking;
      await Promise.all(load.asked);
      const counts = await settled(rig, 60);
      await rig.until('one process', 40, async () => (await botOf(rig, appId)).pids.length === 1);
      const wrong = mixed(rig);
      if (wrong > 0) failures.push(`${wrong} answers were not of one version`);
      failures.push(...failedMessages(rig));
      const [first, last] = [sizes[0]!, sizes.at(-1)!];
      if (last > first * 1.1) failures.push(`from ${megabytes(first)} MB to ${megabytes(last)} MB`);
      const notes = [
        `${refused} refused, ${load.asked.length} messages`,
        `${megabytes(first)} MB after the first, ${megabytes(last)} MB after the last`,
      ];
      return { faults: switches, counts, notes, failures: [...basics(counts), ...failures] };
    }),
};

const f26: Scenario = {
  id: 'F26',
  title: 'a Rasa process leaks 50 MB a second',
  needsRasa: true,
  async run(options) {
    const folder = await mkdtemp(join(tmpdir(), 'sb-leak-'));
    const capMb = 600;
    const settings = {
      rasa: true,
      python: (python: string) => leakyPython(folder, python),
      env: { BOT_MEMORY_CAP: `${capMb}m` },
    };
    try {
      return await withRig({ options, settings, bots: 1 }, async (rig) => {
        const appId = await newBot(rig, 'Leaking');
        await train(rig, appId, 'one');
        const beside = await newBot(rig, 'Beside');
        await train(rig, beside, 'one');
        const failures: string[] = [];
        const peaks: number[] = [];
        const leaks = options.short ? 1 : 5;
        const others: number[] = [];
        for (let i = 0; i < leaks; i += 1) {
          const pid = await rig.until('the bot to be awake', 60, () => pidOf(rig, appId));
          const besidePid = (await botOf(rig, beside)).pids[0];
          await startLeak(folder, pid);
          rig.note(`leak in ${pid}`);
          let peak = 0;
          const gone = (): boolean => {
            const bytes = privateOf(pid);
            peak = Math.max(peak, bytes);
            return bytes === 0;
          };
          const until = performance.now() + 120_000;
          for (let turn = 0; !gone() && performance.now() < until; turn += 1) {
            if (turn % 20 === 0) await ask(rig, appId);
            if (turn % 10 === 0) {
              const started = performance.now();
              await rig.platforms.slack.say(rig.bots[0]!, {
                id: `E${rig.nextId()}`,
                chat: `O${i}`,
                text: `o${i}-${turn}`,
              });
              others.push(performance.now() - started);
            }
            await sleep(50);
          }
          if (!gone()) failures.push('the process was not ended');
          peaks.push(peak / 2 ** 20);
          await ask(rig, appId);
          await rig.until('its successor', 60, async () => {
            const next = await pidOf(rig, appId);
            return next !== null && next !== pid;
          });
          if ((await botOf(rig, beside)).pids[0] !== besidePid) failures.push('another bot was restarted');
          const wake = await wakesOf(rig, appId);
          if (wake !== i + 2) failures.push(`${wake} starts after ${i + 1} leaks`);
          await sleep(13_000);
        }
        const counts = await settled(rig, 60);
        const metrics = await (await fetch(`${rig.url}/metrics`)).text();
        const recycled = [...metrics.matchAll(/switchboard_recycles_total\{how="(\w+)"\} (\d+)/g)];
        const ways = recycled.map(([, how, count]) => `${String(count)} ${String(how)}`).join(', ');
        if (recycled.reduce((sum, [, , count]) => sum + Number(count), 0) !== leaks) failures.push(`recycled: ${ways}`);
        const wild = peaks.filter((peak) => peak < capMb * 0.9 || peak > capMb * 1.1);
        if (wild.length > 0) failures.push(`ended at ${wild.map(Math.round).join(', ')} MB`);
        failures.push(...failedMessages(rig));
        const notes = [
          `cap ${capMb} MB, ended at ${peaks.map(Math.round).join(', ')} MB (${ways})`,
          `others acknowledged in ${Math.round(quantile(others, 0.95))} ms (p95)`,
        ];
        return { faults: leaks, counts, notes, failures: [...basics(counts), ...failures] };
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** How often the bot was started, by its own log. */
async function wakesOf(rig: Rig, appId: string): Promise<number> {
  const { items } = (await rig.api('GET', `/bots/${appId}/logs`)) as { items: { source: string; line: string }[] };
  return items.filter(({ source, line }) => source === 'hub' && line.startsWith('awake after')).length;
}

/** What a process has for itself, by the kernel's account; 0 when it has gone. */
function privateOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const figures = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)];
    return figures.reduce((sum, [, kb]) => sum + Number(kb) * 1024, 0);
  } catch {
    return 0;
  }
}

export const memoryScenarios: Scenario[] = [f6, f26];
