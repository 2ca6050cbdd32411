/** The figures of a run as Markdown tables. */
import type { Waits } from './load.js';
import type { Result } from './run.js';

const ms = (value: number): string => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(0)} ms`);
/** How many times better: smaller for times and memory. */
const times = (plain: number, ours: number): string => `${(plain / ours).toFixed(2)}×`;
const waits = (value: Waits | undefined): string => (value ? `${ms(value.p50)} / ${ms(value.max)}` : '-');
const ratio = (plain: Waits | undefined, ours: Waits | undefined): string =>
  plain && ours ? `max ${(ours.max / plain.max).toFixed(2)} of plain's` : '-';

function rowsOf({ plain, ours, plainProject }: Result): string[][] {
  const rows = [
    ['ready', ms(plain.ready), ms(ours.ready), `${times(plain.ready, ours.ready)} faster`],
    ['first reply after it', ms(plain.firstReply), ms(ours.firstReply), ''],
  ];
  const waiting = plain.ready + plain.firstReply;
  if (ours.hub)
    rows.push([
      'asleep to first reply, through the hub',
      ms(waiting),
      ms(ours.hub.wake),
      `${times(waiting, ours.hub.wake)} faster`,
    ]);
  if (plain.trainSeconds !== null && ours.trainSeconds !== null)
    rows.push([
      'train',
      `${plain.trainSeconds.toFixed(1)} s`,
      `${ours.trainSeconds.toFixed(1)} s`,
      `${(ours.trainSeconds / plain.trainSeconds).toFixed(2)} of plain's`,
    ]);
  const alone = plain.memory['1'] ?? Number.NaN;
  for (const [count, each] of Object.entries(ours.memory)) {
    const theirs = plain.memory[count];
    rows.push([
      `memory a bot, ${count} awake`,
      theirs === undefined ? `(1: ${alone.toFixed(0)} MB)` : `${theirs.toFixed(0)} MB`,
      `${each.toFixed(0)} MB`,
      `${times(theirs ?? alone, each)} smaller`,
    ]);
  }
  rows.push([
    'private memory',
    `${plain.privateMemory.toFixed(0)} MB`,
    `${ours.privateMemory.toFixed(0)} MB`,
    `${times(plain.privateMemory, ours.privateMemory)} smaller`,
  ]);
  rows.push([
    'replies a second, one process',
    plain.replies.toFixed(0),
    ours.replies.toFixed(0),
    `${(ours.replies / plain.replies).toFixed(2)}×`,
  ]);
  for (const [count, theirs] of Object.entries(plain.bursts)) {
    const mine = ours.bursts[count];
    rows.push([`${count} in a second, p50 / max`, waits(theirs), waits(mine), ratio(theirs, mine)]);
    const hub = ours.hub?.bursts[count];
    rows.push([`${count} in a second, ours through the hub`, waits(theirs), waits(hub), ratio(theirs, hub)]);
  }
  return [['', `plain rasa, ${plainProject}`, 'ours', 'ratio'], ['---', '---', '---', '---'], ...rows];
}

/** One table a project. */
export function tableOf(results: readonly Result[]): string {
  return results
    .map(
      (result) =>
        `### ${result.project}\n\n${rowsOf(result)
          .map((row) => `| ${row.join(' | ')} |`)
          .join('\n')}\n`,
    )
    .join('\n');
}
