/** People and sockets: F20 widgets that come and go, F25 descriptors that run out. */
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { io, type Socket as Client } from 'socket.io-client';
import { ownClient } from '../../../connectors/web/protocol.js';
import { basics, type Rig, type Scenario, withRig } from '../rig.js';

interface Uttered {
  text?: string;
  message_id?: string;
}
interface HistoryItem {
  from: 'user' | 'bot';
  id: string;
  message?: Uttered;
}

/** A person at a widget: says things, loses the line, comes back with the offset that it kept. */
class Person {
  readonly said: string[] = [];
  readonly shown: string[] = [];
  readonly strange: string[] = [];
  private readonly seen = new Set<string>();
  private session: string | undefined;
  private readonly acked: string[] = [];

  constructor(
    private readonly name: string,
    private readonly rig: Rig,
    private readonly appId: string,
  ) {}

  /** One visit: connects, catches up, says something until it is acknowledged, waits a moment or not at all, and drops off. */
  async visit(stayMs: number): Promise<void> {
    const id = `${this.name}.${this.said.length}`;
    this.said.push(id);
    for (let acked = false; !acked;) acked = await this.attempt(id, stayMs);
  }

  /** Comes back once more, to see what was said meanwhile. */
  async look(): Promise<void> {
    const client = (await this.enter()) ?? (await this.enter());
    client?.disconnect();
  }

  /** What it said and saw no answer to. */
  get missing(): string[] {
    return this.said.filter((id) => !this.shown.includes(`echo ${id}`));
  }

  /** As the widget: the newest message of its own up to which no answer is missing. */
  private get last(): string | undefined {
    const open = this.acked.findIndex((id) => !this.shown.includes(`echo ${id}`));
    return (open < 0 ? this.acked : this.acked.slice(0, open)).at(-1);
  }

  private async attempt(id: string, stayMs: number): Promise<boolean> {
    const client = await this.enter();
    if (!client) {
      await sleep(100 + this.rig.random() * 200);
      return false;
    }
    const body = { message: id, id, session_id: this.session };
    const ack = await client
      .timeout(3000)
      .emitWithAck('user_uttered', body)
      .then(
        (answer: { ok: boolean }) => answer.ok,
        () => false,
      );
    if (ack) this.acked.push(id);
    await sleep(ack ? stayMs : 300);
    client.disconnect();
    return ack;
  }

  private async enter(): Promise<Client | null> {
    const client = io(`${this.rig.url}/bots/${this.appId}`, {
      auth: { client: ownClient },
      reconnection: false,
      forceNew: true,
      transports: ['websocket'],
    });
    const confirmed = new Promise<boolean>((resolve) => {
      client.on('session_confirm', (session: string) => void (this.session = session));
      client.on('session_history', (items: HistoryItem[]) => {
        for (const item of items) if (item.from === 'bot') this.show({ message_id: item.id, ...item.message });
        resolve(true);
      });
      client.on('connect_error', () => resolve(false));
      client.on('disconnect', () => resolve(false));
      setTimeout(() => resolve(false), 5000);
    });
    client.on('bot_uttered', (message: Uttered) => this.show(message));
    client.on('connect', () => client.emit('session_request', { session_id: this.session, last: this.last }));
    if (await confirmed) return client;
    client.disconnect();
    return null;
  }

  private show({ message_id: id = '', text = '' }: Uttered): void {
    if (this.seen.has(id)) return;
    this.seen.add(id);
    this.shown.push(text);
    if (!text.startsWith(`echo ${this.name}.`)) this.strange.push(text);
  }
}

const f20: Scenario = {
  id: 'F20',
  title: 'widgets that drop off and come back, and a hub restart',
  run: (options) =>
    withRig({ options, bots: 5 }, async (rig) => {
      const [people, drops, together] = options.short ? [20, 5, 20] : [500, 20, 40];
      const crowd = Array.from({ length: people }, (_, n) => new Person(`p${n}`, rig, rig.bots[n % 5]!));
      let visits = 0;
      let restarted = false;
      const queue = Array.from({ length: drops }, () => crowd).flat();
      const worker = async (): Promise<void> => {
        for (let person = queue.shift(); person; person = queue.shift()) {
          await person.visit(rig.random() < 0.5 ? 0 : 40);
          visits += 1;
          if (restarted || visits < (people * drops) / 2) continue;
          restarted = true;
          await rig.kill();
          await rig.start();
        }
      };
      // A person is one at a time: the queue names each of them once a round, and a round is longer than what is under way.
      await Promise.all(Array.from({ length: Math.min(together, people - 1) }, worker));
      // A moment for copies that should not come.
      await sleep(1000);
      for (const person of crowd) await person.look();
      // What was said last may be answered later.
      for (const end = performance.now() + 20_000; performance.now() < end; await sleep(100)) {
        const waiting = crowd.filter(({ missing }) => missing.length > 0);
        if (waiting.length === 0) break;
        for (const person of waiting) await person.look();
      }
      const sum = (of: (person: Person) => number): number => crowd.reduce((total, person) => total + of(person), 0);
      const lost = sum(({ missing }) => missing.length);
      const duplicated = sum(({ shown }) => shown.length - new Set(shown).size);
      const unexpected = sum(({ strange }) => strange.length);
      const acked = sum(({ said }) => said.length);
      const counts = { ...rig.counts(), acked, ok: acked - lost, lost, duplicated, unexpected };
      const failures = basics(counts);
      if (duplicated > 0) failures.push(`${duplicated} shown twice`);
      return { faults: visits + 1, counts, notes: [`${people} people, ${visits} visits, one kill -9`], failures };
    }),
};

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
/** Looks at them until `enough` says so, or for so many seconds; answers what it saw last. */
async function watched(pid: number, seconds: number, enough: (count: number) => boolean): Promise<number> {
  for (const end = performance.now() + seconds * 1000; ; await sleep(100)) {
    const count = descriptors(pid);
    if (enough(count) || performance.now() > end) return count;
  }
}

const f25: Scenario = {
  id: 'F25',
  title: 'descriptors run out (ulimit -n 256)',
  run: (options) =>
    withRig({ options, settings: { shell: 'ulimit -n 256' }, bots: 3 }, async (rig) => {
      const cycles = options.short ? 100 : 1000;
      const { teams } = rig.platforms;
      const port = Number(new URL(rig.url).port);
      const say = (text: string) => teams.say(rig.bots[0]!, { id: `E${rig.nextId()}`, chat: 'D', text });
      const failures: string[] = [];
      await say('before');
      await rig.settled();
      const before = descriptors(rig.pid);
      const sockets: Socket[] = [];
      let refused = 0;
      for (let i = 0; i < 400; i += 1) {
        const socket = connect(port, '127.0.0.1')
          .on('error', () => (refused += 1))
          .on('close', () => (refused += 1));
        sockets.push(socket);
        if (i % 50 === 49) await sleep(50);
      }
      const full = await watched(rig.pid, 10, (count) => count >= 250);
      if (full < 250) failures.push(`only ${full} descriptors were in use`);
      // A platform that holds its line is served on; what the hub cannot send for want of a descriptor leaves later.
      const during = await say('during');
      for (const socket of sockets) socket.destroy();
      await watched(rig.pid, 10, (count) => count < 200);
      for (let i = 0; i < cycles; i += 1) {
        const response = await fetch(`${rig.url}/health/live`, { headers: { connection: 'close' } });
        await response.text();
        if (i % 100 === 0) await say(`cycle ${i}`);
      }
      await say('after');
      await rig.settled(20_000);
      // Lines that are kept for a next request are closed after some seconds.
      const after = await watched(rig.pid, 20, (count) => count <= before + 2);
      if (after > before + 2) failures.push(`${before} descriptors before, ${after} after`);
      if (refused === 0) failures.push('nothing was refused');
      const counts = rig.counts();
      const notes = [
        `${full} in use at the worst, ${refused} connections refused, then answered with ${during.statuses.join(', ')}; ${before} before, ${after} after ${cycles} cycles`,
      ];
      return { faults: refused, counts, notes, failures: [...basics(counts), ...failures] };
    }),
};

export const clientScenarios: Scenario[] = [f20, f25];
