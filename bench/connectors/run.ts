/**
 * `npm run bench:connectors`: each connector beside the sample server of its own SDK (Bolt's HTTPReceiver, telegraf's webhook, botbuilder's
 * adapter, bare socket.io), in pairs of one run. Ours stores every message before it is acknowledged and every reply before it leaves; the samples
 * keep nothing. Both talk to the same fake platform, which lives in the driver.
 *
 *   --pairs 3   runs of each, in turn   --messages 4000   messages a run   --warm 4000   messages before it   --only slack,web
 *   --floor     web alone: socket.io made durable by the least that does it, too   --node-flags='--cpu-prof'   for the servers
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Drive, HttpDrive, type Kind, SocketDrive } from './drive.js';

interface Figures {
  perSecond: number[];
  /** Microseconds of the server's processor time for a message. */
  cpu: number[];
  ackP99: number[];
}
interface Asked {
  pairs: number;
  messages: number;
  /** Said before anything is measured, to either: every bot is awake, every connection has its token, and the code has run for a while. */
  warm: number;
  kinds: Kind[];
  nodeFlags: string[];
}
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const drives: Record<string, (kind: Kind, nodeFlags: string[]) => Drive> = {
  slack: (kind, flags) => new HttpDrive('slack', kind, flags),
  telegram: (kind, flags) => new HttpDrive('telegram', kind, flags),
  teams: (kind, flags) => new HttpDrive('teams', kind, flags),
  web: (kind, flags) => new SocketDrive(kind, flags),
};

function quantile(figures: number[], p: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}
const median = (figures: number[]): number => quantile(figures, 0.5);

async function measure(name: string, { pairs, messages, warm, kinds, nodeFlags }: Asked) {
  const empty = (): Figures => ({ perSecond: [], cpu: [], ackP99: [] });
  const figures: Record<Kind, Figures> = { ours: empty(), sample: empty(), floor: empty() };
  for (let pair = 0; pair < pairs; pair += 1) {
    // Who is first changes, so that neither always meets the warmer machine.
    for (const kind of pair % 2 === 0 ? kinds : [...kinds].reverse()) {
      const drive = drives[name]!(kind, nodeFlags);
      await drive.open();
      try {
        for (let said = 0; said < warm; said += messages) await drive.throughput(Math.min(messages, warm - said));
        const { perSecond, cpu } = await drive.throughput(messages);
        figures[kind].perSecond.push(perSecond);
        figures[kind].cpu.push(cpu);
        figures[kind].ackP99.push(quantile(await drive.acks(5), 0.99));
      } finally {
        await drive.close();
      }
    }
  }
  return figures;
}

/** One beside the sample, as a row of the table. */
function row(name: string, ours: Figures, sample: Figures): { cells: string[]; ratio: number } {
  const ratio = median(ours.perSecond.map((one, n) => one / sample.perSecond[n]!));
  const cells = [
    name,
    median(ours.perSecond).toFixed(0),
    median(sample.perSecond).toFixed(0),
    `${ratio.toFixed(2)}×`,
    ...[ours.cpu, sample.cpu].map((one) => median(one).toFixed(0)),
    ...[ours.ackP99, sample.ackP99].map((one) => median(one).toFixed(1)),
  ];
  return { cells, ratio };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '3' },
      messages: { type: 'string', default: '4000' },
      warm: { type: 'string', default: '4000' },
      only: { type: 'string', default: Object.keys(drives).join() },
      floor: { type: 'boolean', default: false },
      'node-flags': { type: 'string', default: '' },
    },
  });
  const asked = { pairs: Number(values.pairs), messages: Number(values.messages), warm: Number(values.warm) };
  const nodeFlags = values['node-flags'].split(' ').filter(Boolean);
  const results: Record<string, unknown> = {};
  say(
    '| connector | ours, messages/s | SDK sample, messages/s | ratio | µs of processor a message: ours | sample | ack p99 at 100/s, ms: ours | sample |',
  );
  say('|---|---|---|---|---|---|---|---|');
  for (const name of values.only.split(',')) {
    const kinds: Kind[] = values.floor && name === 'web' ? ['ours', 'floor', 'sample'] : ['ours', 'sample'];
    const { ours, sample, floor } = await measure(name, { ...asked, kinds, nodeFlags });
    const { cells, ratio } = row(name, ours, sample);
    results[name] = { ours, sample, ratio, ...(kinds.includes('floor') && { floor }) };
    say(`| ${cells.join(' | ')} |`);
    if (kinds.includes('floor'))
      say(`| ${row(`${name}, the least that is durable`, floor, sample).cells.join(' | ')} |`);
  }
  if (values.only.split(',').length < Object.keys(drives).length) return;
  const body = { at: new Date().toISOString(), ...asked, connectors: results };
  await writeFile(join('bench', 'connectors', 'results.json'), `${JSON.stringify(body, null, 2)}\n`);
}

await main();
