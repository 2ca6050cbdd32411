/** The figures of a run as Markdown tables. */
import type { Waits } from './load.js';
import type { Result } from './run.js';

const ms = (value: number): string => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(0)} ms`);
const mb = (value: number): string => `${value.toFixed(0)} MB`;
const waits = ({ p50, max }: Waits): string => `${ms(p50)} / ${ms(max)}`;
const better = (plain: number, ours: number, word: string): string => `${(plain / ours).toFixed(2)}× ${word}`;
const part = (plain: number, ours: number): string => `${(ours / plain).toFixed(2)} of plain's`;

function rowsOf({ plain, ours, firstTrainSeconds: first, wake, duel, plainProject }: Result): string[][] {
  const waiting = plain.ready + plain.firstReply;
  const seconds = (value: number): string => `${value.toFixed(1)} s`;
  const alone = plain.memory['1'] ?? Number.NaN;
  const memory = Object.entries(ours.memory).map(([count, each]) => {
    const theirs = plain.memory[count];
    const shown = theirs === undefined ? `${mb(alone)} (1 awake)` : mb(theirs);
    return [`memory a bot, ${count} awake`, shown, mb(each), better(theirs ?? alone, each, 'smaller')];
  });
  const bursts = Object.entries(duel.bursts).flatMap(([count, waited]) => [
    [
      `${count} in a second, p50 / max`,
      waits(waited.plain),
      waits(waited.ours),
      `max ${part(waited.plain.max, waited.ours.max)}`,
    ],
    ['the same through our hub', '', waits(waited.hub), `max ${part(waited.plain.max, waited.hub.max)}`],
  ]);
  const two = Object.entries(duel.twoInstances).map(([count, { plain: theirs, hub }]) => [
    `${count} in a second through our hub, two instances`,
    waits(theirs),
    waits(hub),
    `max ${part(theirs.max, hub.max)}`,
  ]);
  return [
    ['', `plain rasa, ${plainProject}`, 'ours', 'ratio'],
    ['---', '---', '---', '---'],
    ['train, the first of our hub', seconds(plain.trainSeconds), seconds(first), part(plain.trainSeconds, first)],
    ['train', seconds(plain.trainSeconds), seconds(ours.trainSeconds), part(plain.trainSeconds, ours.trainSeconds)],
    ['start to ready', ms(plain.ready), ms(ours.ready), better(plain.ready, ours.ready, 'faster')],
    ['first reply after it', ms(plain.firstReply), ms(ours.firstReply), ''],
    ['asleep to first reply, through our hub', ms(waiting), ms(wake), better(waiting, wake, 'faster')],
    ...memory,
    [
      'private memory',
      mb(plain.privateMemory),
      mb(ours.privateMemory),
      better(plain.privateMemory, ours.privateMemory, 'smaller'),
    ],
    [
      'replies a second, one process',
      duel.plain.perSecond.toFixed(0),
      duel.ours.perSecond.toFixed(0),
      `${(duel.ours.perSecond / duel.plain.perSecond).toFixed(2)}×`,
    ],
    [
      'processor time a reply',
      `${duel.plain.processor.toFixed(1)} ms`,
      `${duel.ours.processor.toFixed(1)} ms`,
      better(duel.plain.processor, duel.ours.processor, 'less'),
    ],
    ...bursts,
    ...two,
  ];
}

/** One table a project. */
export function tableOf(results: readonly Result[]): string {
  return results
    .map((result) => {
      const lines = rowsOf(result).map((row) => `| ${row.join(' | ')} |`);
      return `### ${result.project}\n\n${lines.join('\n')}\n`;
    })
    .join('\n');
}
