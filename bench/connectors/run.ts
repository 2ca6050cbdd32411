/**
 * `npm run bench:connectors`: each connector beside the sample server of its own SDK (Bolt's HTTPReceiver, telegraf's webhook, botbuilder's
 * adapter, bare socket.io), in pairs of one run. Ours stores every message before it is acknowledged and every reply before it leaves; the samples
 * keep nothing. Both talk to the same fake platform, which lives in the driver.
 *
 *   --pairs 3   runs of each, in turn   --messages 4000   messages a run   --only slack,web
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bots, HttpDrive, type Drive, SocketDrive } from './drive.js';

interface Figures {
  perSecond: number[];
  ackP99: number[];
}
type Kind = 'ours' | 'sample';
const kinds: Kind[] = ['ours', 'sample'];
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const drives: Record<string, (kind: Kind) => Drive> = {
  slack: (kind) => new HttpDrive('slack', kind),
  telegram: (kind) => new HttpDrive('telegram', kind),
  teams: (kind) => new HttpDrive('teams', kind),
  web: (kind) => new SocketDrive(kind),
};

function quantile(figures: number[], p: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}
const median = (figures: number[]): number => quantile(figures, 0.5);

async function measure(name: string, { pairs, messages }: { pairs: number; messages: number }) {
  const figures: Record<Kind, Figures> = {
    ours: { perSecond: [], ackP99: [] },
    sample: { perSecond: [], ackP99: [] },
  };
  for (let pair = 0; pair < pairs; pair += 1) {
    // Who is first changes, so that neither always meets the warmer machine.
    for (const kind of pair % 2 === 0 ? kinds : [...kinds].reverse()) {
      const drive = drives[name]!(kind);
      await drive.open();
      try {
        // Every bot is woken, and every connection has its token.
        await drive.throughput(2 * bots);
        figures[kind].perSecond.push(await drive.throughput(messages));
        figures[kind].ackP99.push(quantile(await drive.acks(5), 0.99));
      } finally {
        await drive.close();
      }
    }
  }
  return figures;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '3' },
      messages: { type: 'string', default: '4000' },
      only: { type: 'string', default: Object.keys(drives).join() },
    },
  });
  const asked = { pairs: Number(values.pairs), messages: Number(values.messages) };
  const results: Record<string, unknown> = {};
  say('| connector | ours, messages/s | SDK sample, messages/s | ratio | ack p99 at 100/s, ms: ours | sample |');
  say('|---|---|---|---|---|---|');
  for (const name of values.only.split(',')) {
    const { ours, sample } = await measure(name, asked);
    const ratio = median(ours.perSecond.map((one, n) => one / sample.perSecond[n]!));
    results[name] = { ours, sample, ratio };
    const cells = [
      median(ours.perSecond).toFixed(0),
      median(sample.perSecond).toFixed(0),
      `${ratio.toFixed(2)}×`,
      median(ours.ackP99).toFixed(1),
      median(sample.ackP99).toFixed(1),
    ];
    say(`| ${[name, ...cells].join(' | ')} |`);
  }
  if (values.only.split(',').length < Object.keys(drives).length) return;
  const body = { at: new Date().toISOString(), ...asked, connectors: results };
  await writeFile(join('bench', 'connectors', 'results.json'), `${JSON.stringify(body, null, 2)}\n`);
}

await main();
