/**
 * A hub in a process of its own, to be killed: `node hub-process.js SPEC` with the spec as JSON. Prints one JSON line `{url}` when it
 * listens. Messages from its parent: `{clock: ms}` sets its clock off by so much, `{tick: ms}` the one that is never set, `{gc: true}` answers the heap after a collection.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openApp } from '../../src/app.js';
import { configOf } from '../../src/config.js';
import type { Store } from '../../src/contracts.js';
import { openLog } from '../../src/log.js';
import { createStandIn, platformNames, type PlatformName } from '../support/standins.js';

export interface HubSpec {
  port: number;
  dataDir: string;
  /** Empty: SQLite in `dataDir`. */
  databaseUrl: string;
  adminToken: string;
  /** False: the real connectors. */
  standIns: boolean;
  apiRoots: Record<PlatformName, string>;
  secret: string;
  limited: boolean;
  slowAnswerSeconds: number;
  python: string | null;
  /** Settings of the hub beside these. */
  env: Record<string, string>;
  /** Planted faults, by which the rig itself is tested. */
  mutations: Mutation[];
  /** False: it leaves trainings to trainers. */
  trains: boolean;
  /** Bots run on nodes alone. */
  nodes: boolean;
}
export type Mutation = 'ack-before-write' | 'no-dedupe';

let offset = 0;
const RealDate = Date;
/** The clock of the whole process, as a stepped system clock would show it. */
class SteppedDate extends RealDate {
  constructor(...args: ConstructorParameters<typeof Date> | []) {
    if (args.length === 0) super(RealDate.now() + offset);
    else super(...args);
  }
  static override now(): number {
    return RealDate.now() + offset;
  }
}
globalThis.Date = SteppedDate as DateConstructor;
let ahead = 0;
const realTick = performance.now.bind(performance);
performance.now = () => realTick() + ahead;

function heapAfterCollection(): number {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i += 1) collect();
  return process.memoryUsage().heapUsed;
}

/** Makes every event look new. */
function withoutDedupe(store: Store): Store {
  const receive = store.conversations.receive.bind(store.conversations);
  let n = 0;
  store.conversations.receive = (message) => receive({ ...message, eventId: `${message.eventId} ${(n += 1)}` });
  return store;
}

const spec = JSON.parse(process.argv[2] ?? '') as HubSpec;
const { PATH = '', HOME = '', LANG = 'C.UTF-8', SWITCHBOARD_CACHE = '' } = process.env;
const config = configOf({
  PATH,
  HOME,
  LANG,
  SWITCHBOARD_CACHE,
  PORT: String(spec.port),
  DATA_DIR: spec.dataDir,
  DATABASE_URL: spec.databaseUrl,
  ADMIN_TOKEN: spec.adminToken,
  SLOW_ANSWER_SECONDS: String(spec.slowAnswerSeconds),
  MIN_FREE_DISK: '1',
  LOG_LEVEL: 'warn',
  EGRESS_ALLOW: '127.0.0.1',
  ...(spec.standIns ? {} : { PUBLIC_URL: 'https://hub.example' }),
  ...spec.env,
});
const logs = openLog({ level: 'warn', pretty: false, write: (line) => void process.stderr.write(line) });
const ackBeforeWrite = spec.mutations.includes('ack-before-write');
const standIn = (name: PlatformName) =>
  createStandIn(name, { apiRoot: spec.apiRoots[name], secret: spec.secret, limited: spec.limited, ackBeforeWrite });
const connectors = spec.standIns ? platformNames.map(standIn) : [];
const store = spec.mutations.includes('no-dedupe') ? { store: withoutDedupe } : {};
const rasa = spec.python ? { python: spec.python } : { reason: 'This scenario needs no Rasa.' };
const onNodes = spec.nodes ? ({ engines: 'never' } as const) : {};
const app = await openApp({ config, rasa, logs, trains: spec.trains, ...onNodes, standIns: { connectors, ...store } });

process.on('message', (message: { clock?: number; tick?: number; gc?: boolean }) => {
  if (message.tick !== undefined) ahead = message.tick;
  if (message.clock !== undefined) offset = message.clock;
  if (message.gc) process.send?.({ heap: heapAfterCollection() });
});
process.on('SIGTERM', () => void app.stop().then((inTime) => process.exit(inTime ? 0 : 1)));
process.on('disconnect', () => process.exit(1));
process.stdout.write(`${JSON.stringify({ url: app.url })}\n`);
