/**
 * Settings: `configOf(env)` is pure, reports every fault at once, and is the only reader of the environment.
 * `config.example.env` is generated from the same table (`switchboard config`), so the two cannot drift apart.
 */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { kafkaPlaceOf } from './kafka-url.js';

export interface Config {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  readonly modelStorage: string;
  readonly modelsKept: number;
  readonly hubUrls: readonly string[] | null;
  readonly trainerToken: string | null;
  readonly nodeToken: string | null;
  /** Null: the host name. */
  readonly nodeUrl: string | null;
  /** Bytes of models that a node keeps. */
  readonly modelCache: number;
  /** Null: all. */
  readonly trainerLanguages: readonly string[] | null;
  readonly publicUrl: string | null;
  /** Null: where it listens. */
  readonly replicaUrl: string | null;
  readonly adminToken: string | null;
  readonly secretKey: string | null;
  readonly secretKeyPrevious: string | null;
  /** Null: backups are not sealed. */
  readonly backupPassphrase: string | null;
  /** Proxies in front of the hub, each of which adds the address that it was called from. */
  readonly trustProxy: number;
  /** Requests per second, on average over ten; 0: no limit. */
  readonly rateLimitAddress: number;
  readonly rateLimitKey: number;
  readonly rateLimitBot: number;
  /** Open connections from one address; 0: no limit. */
  readonly connectionsPerAddress: number;
  /** Null: metrics are for this machine, and for who may see the hub. */
  readonly metricsToken: string | null;
  /** May anybody make themselves an account? */
  readonly registration: boolean;
  readonly oidcIssuer: string | null;
  readonly oidcClientId: string | null;
  readonly oidcClientSecret: string | null;
  /** Lower-case host names, or `host:port`. */
  readonly egressAllow: readonly string[];
  readonly eventsUrl: string | null;
  readonly eventsSecret: string | null;
  readonly ingestUrl: string | null;
  /** Is Python run that bots' projects bring? */
  readonly customCode: boolean;
  /** Where the user ids of Rasa processes come from; null: they run as the hub's user. `must`: none starts without one of its own. */
  readonly childUids: { readonly first: number; readonly last: number; readonly must: boolean } | null;
  readonly rasaPython: string | null;
  /** Pythons with Rasa, by the name under which a bot asks for one. */
  readonly rasaRuntimes: Readonly<Record<string, string>>;
  /** Null: never. */
  readonly rasaTraceSeconds: number | null;
  /** Bytes that all awake bots may use together; null: a share of the machine's memory. */
  readonly memoryBudget: number | null;
  readonly botMemoryCap: number;
  readonly minFreeMemory: number;
  /** Bytes of parses that are kept; 0: none. */
  readonly parseCache: number;
  readonly idleParkSeconds: number;
  readonly slowAnswerSeconds: number;
  /** Null: for ever. */
  readonly conversationDays: number | null;
  /** Null: one on a hub, one per core on a trainer. */
  readonly maxParallelTrainings: number | null;
  readonly minFreeDisk: number;
  readonly logLevel: LogLevel;
  /** The few harmless names that every child process inherits; secrets never are among them (Rasa expands `${NAME}` in bots' files). */
  readonly childEnv: Readonly<Record<string, string>>;
  /** Per-user cache for the Rasa runtime, shared by checkouts. */
  readonly cacheDir: string;
}
export type LogLevel = (typeof logLevels)[number];
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** Thrown by `configOf`: `faults` has one sentence per wrong setting, each with its name, what was given and what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly faults: string[]) {
    super(
      `${faults.length} wrong ${faults.length === 1 ? 'setting' : 'settings'}:\n${faults.map((f) => `  ${f}`).join('\n')}`,
    );
  }
}

interface Setting<T> {
  name: string;
  doc: string;
  /** As it would stand in the environment; '' where nothing is the default. */
  example: string;
  /** What a good value looks like, for the fault's sentence. */
  expected: string;
  secret?: boolean;
  /** Undefined: not acceptable. */
  read(text: string): T | undefined;
}

const number =
  (min: number, max: number, whole = true) =>
  (text: string): number | undefined => {
    const value = Number(text);
    const fits = text.trim() !== '' && value >= min && value <= max && (!whole || Number.isInteger(value));
    return fits ? value : undefined;
  };

const onOff = (text: string): boolean | undefined => (text === 'on' ? true : text === 'off' ? false : undefined);
const listOf = (text: string): string[] => text.split(',').map((part) => part.trim());

/** `512m`, `2g`, `1048576` as bytes; undefined when it is none of these. */
function bytesOf(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text.trim());
  if (!match) return undefined;
  const power = ['', 'k', 'm', 'g', 't'].indexOf((match[2] ?? '').toLowerCase());
  return Math.round(Number(match[1]) * 1024 ** power);
}

/** `name=/path,…` as a record; undefined when it is not that, or a name comes twice. */
function runtimesOf(text: string): Record<string, string> | undefined {
  const pairs = text.split(',').map((part) => /^([a-z0-9][a-z0-9._-]{0,99})=(.+)$/i.exec(part.trim()));
  if (pairs.some((pair) => pair === null)) return undefined;
  const named = pairs.map((pair) => [pair?.[1] ?? '', resolve(pair?.[2] ?? '')] as const);
  return new Set(named.map(([name]) => name)).size === named.length ? Object.fromEntries(named) : undefined;
}
/** Above what useradd, directory services, systemd and containers give out by themselves; as many as there can be processes. */
const usualUids = { first: 2_100_000_000, last: 2_100_000_000 + 4_194_303 };

function uidsOf(text: string): Config['childUids'] | undefined {
  if (text === 'off') return null;
  if (text === 'auto') return { ...usualUids, must: false };
  const [first = 0, last = 0] = (/^(\d{1,10})-(\d{1,10})$/.exec(text) ?? []).slice(1).map(Number);
  return first >= 1000 && first < last && last <= 2_147_352_575 ? { first, last, must: true } : undefined;
}
/** As `bytesOf`, at least `least`: who writes 6 means 6g. */
const sizeFrom =
  (least: number) =>
  (text: string): number | undefined => {
    const bytes = bytesOf(text);
    return bytes !== undefined && bytes >= least ? bytes : undefined;
  };

function urlOf(text: string): string | undefined {
  try {
    const url = new URL(text);
    return ['http:', 'https:'].includes(url.protocol) ? text.replace(/\/+$/, '') : undefined;
  } catch {
    return undefined;
  }
}

/** An https:// URL, or an http:// one of this machine. */
const isEndpoint = (text: string): boolean =>
  urlOf(text) !== undefined && /^(https:|http:\/\/(localhost|127\.[\d.]+|\[::1\])(:|\/|$))/.test(text);

function hostsOf(text: string): string[] | undefined {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase());
  return hosts.every((host) => /^(?:[\w.-]+|\[[\da-f:]+\])(?::\d{1,5})?$/.test(host)) ? hosts : undefined;
}

const settings = {
  port: {
    name: 'PORT',
    doc: 'TCP port the hub listens on; 0 takes a free one.',
    example: '5005',
    expected: 'a whole number from 0 to 65535',
    read: number(0, 65_535),
  },
  host: {
    name: 'HOST',
    doc: 'Address the hub listens on; 0.0.0.0 opens it to the network.',
    example: '127.0.0.1',
    expected: 'a host name or address',
    read: (text) => (/^[\w.:%-]+$/.test(text) ? text : undefined),
  },
  dataDir: {
    name: 'DATA_DIR',
    doc: 'Folder for the database, model archives and generated secrets. One hub at a time.',
    example: './data',
    expected: 'a folder path',
    read: (text) => resolve(text),
  },
  databaseUrl: {
    name: 'DATABASE_URL',
    doc: 'Where bots and conversations are kept; empty: a SQLite file in DATA_DIR. One hub at a time; several on a MongoDB, where REDIS_URL is set as well. To move from one to the other: switchboard backup, then restore.',
    example: '',
    expected: 'sqlite:PATH, or mongodb://USER:PASSWORD@HOST:27017/DATABASE',
    secret: true,
    read: (text) => (/^(sqlite|mongodb(\+srv)?):.+/.test(text) ? text : undefined),
  },
  redisUrl: {
    name: 'REDIS_URL',
    doc: 'Redis of the training queue, shared with trainers on other hosts; empty: the queue is in the hub itself.',
    example: '',
    expected: 'redis://HOST:PORT or rediss://HOST:PORT',
    secret: true,
    read: (text) => (/^rediss?:\/\/.+/.test(text) ? text : undefined),
  },
  modelStorage: {
    name: 'MODEL_STORAGE',
    doc: "Where model archives are kept; empty: in DATA_DIR. Credentials come from the cloud's own variables; `?endpoint=URL` names another server that speaks the same protocol.",
    example: '',
    expected: 'file:PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azblob://CONTAINER/PREFIX',
    secret: true,
    read: (text) => (/^(file:.+|(s3|gs|azblob):\/\/.+)/.test(text) ? text : undefined),
  },
  modelsKept: {
    name: 'MODELS_KEPT',
    doc: 'Models of a bot that are kept beside the active one; older ones are deleted after a training.',
    example: '10',
    expected: 'a whole number from 0 to 10000',
    read: number(0, 10_000),
  },
  hubUrls: {
    name: 'HUB_URL',
    doc: 'For a trainer or a node: the hub, or several separated by commas. A node opens a line to each of them.',
    example: '',
    expected: 'http:// or https:// URLs',
    read: (text) => {
      const urls = listOf(text).map(urlOf);
      return urls.every((url) => url !== undefined) ? urls : undefined;
    },
  },
  trainerToken: {
    name: 'TRAINER_TOKEN',
    doc: 'What trainers show to the hub, at least 16 characters, the same on both; empty: only the admin token will do.',
    example: '',
    expected: 'at least 16 characters without blanks',
    secret: true,
    read: (text) => (/^[\x21-\x7e]{16,}$/.test(text) ? text : undefined),
  },
  nodeToken: {
    name: 'NODE_TOKEN',
    doc: "What nodes show to the hub, at least 16 characters, the same on both; empty: only the admin token will do. A node that shows a bot's API key (role builder) runs that bot alone.",
    example: '',
    expected: 'at least 16 characters without blanks',
    secret: true,
    read: (text) => (/^[\x21-\x7e]{16,}$/.test(text) ? text : undefined),
  },
  nodeUrl: {
    name: 'NODE_URL',
    doc: 'For a node: the address by which it is shown, at GET /nodes and in the request log. It is not called there: nodes open their lines themselves. Empty: its host name.',
    example: '',
    expected: 'an address without blanks',
    read: (text) => (/^[\x21-\x7e]{1,200}$/.test(text) ? text : undefined),
  },
  modelCache: {
    name: 'MODEL_CACHE',
    doc: 'For a node: how much of the models that it has fetched it keeps in DATA_DIR; those that were not needed for longest go first.',
    example: '4g',
    expected: 'a size like 4g, at least 64m',
    read: sizeFrom(64 * 2 ** 20),
  },
  trainerLanguages: {
    name: 'TRAINER_LANGUAGES',
    doc: 'For a trainer: it takes the trainings of bots in these languages alone; empty: of all bots.',
    example: '',
    expected: 'languages such as en or zh, separated by commas',
    read: (text) => {
      const tags = listOf(text.toLowerCase());
      return tags.every((tag) => /^[a-z]{2,3}$/.test(tag)) ? tags : undefined;
    },
  },
  publicUrl: {
    name: 'PUBLIC_URL',
    doc: 'Address under which people reach the hub, when it is not http://HOST:PORT (a proxy, a tunnel).',
    example: '',
    expected: 'an http:// or https:// URL',
    read: urlOf,
  },
  replicaUrl: {
    name: 'REPLICA_URL',
    doc: 'Address under which nodes and other hubs on the same MongoDB and Redis reach this one hub, past any load balancer; empty: http://HOST:PORT.',
    example: '',
    expected: 'an http:// or https:// URL',
    read: urlOf,
  },
  adminToken: {
    name: 'ADMIN_TOKEN',
    doc: 'A fixed admin API token, at least 16 characters; empty: the first start makes one and keeps it in DATA_DIR/admin-token.',
    example: '',
    expected: 'at least 16 characters without blanks',
    secret: true,
    read: (text) => (/^[\x21-\x7e]{16,}$/.test(text) ? text : undefined),
  },
  secretKey: {
    name: 'SECRET_KEY',
    doc: "Encrypts the channels' secrets in the database, at least 16 characters; empty: one is made and kept in DATA_DIR/secret-key. Without it they are lost, so back it up.",
    example: '',
    expected: 'at least 16 characters without blanks',
    secret: true,
    read: (text) => (/^[\x21-\x7e]{16,}$/.test(text) ? text : undefined),
  },
  secretKeyPrevious: {
    name: 'SECRET_KEY_PREVIOUS',
    doc: 'For one start, to change SECRET_KEY: the former key (DATA_DIR/secret-key where it was made there). All secrets are put under the new one; cut short, the next start goes on with it.',
    example: '',
    expected: 'at least 16 characters without blanks',
    secret: true,
    read: (text) => (/^[\x21-\x7e]{16,}$/.test(text) ? text : undefined),
  },
  backupPassphrase: {
    name: 'BACKUP_PASSPHRASE',
    doc: 'Seals the file that `switchboard backup` writes, and opens it for `switchboard restore`, at least 12 characters; empty: the file holds secrets that everybody who has it can read.',
    example: '',
    expected: 'at least 12 characters',
    secret: true,
    read: (text) => (text.length >= 12 ? text : undefined),
  },
  trustProxy: {
    name: 'TRUST_PROXY',
    doc: 'How many proxies of your own stand in front of the hub and add to X-Forwarded-For: by it callers are told apart, in the audit log and where guessing is slowed down. 0: the header is not read.',
    example: '0',
    expected: 'a whole number from 0 to 10',
    read: number(0, 10),
  },
  rateLimitAddress: {
    name: 'RATE_LIMIT_ADDRESS',
    doc: 'Requests that one address may send in a second, on average over ten; more are answered 429 until the ten seconds are over. An IPv6 address counts with the 2^64 beside it; this machine itself is not counted. Behind a proxy of your own set TRUST_PROXY. 0: no limit.',
    example: '500',
    expected: 'a whole number from 0 to 1000000',
    read: number(0, 1_000_000),
  },
  rateLimitKey: {
    name: 'RATE_LIMIT_KEY',
    doc: 'The same for one API key, or one person; the admin and trainer tokens are not counted.',
    example: '500',
    expected: 'a whole number from 0 to 1000000',
    read: number(0, 1_000_000),
  },
  rateLimitBot: {
    name: 'RATE_LIMIT_BOT',
    doc: 'The same for one bot, over all keys and all who talk to it by its web and REST channels. Events that a chat platform has signed are not counted: they are stored and wait their turn.',
    example: '1000',
    expected: 'a whole number from 0 to 1000000',
    read: number(0, 1_000_000),
  },
  connectionsPerAddress: {
    name: 'CONNECTIONS_PER_ADDRESS',
    doc: 'Connections that one address may hold open, websockets among them; where TRUST_PROXY is set only chats are counted, by the address that the proxy names. This machine itself is not counted. 0: no limit.',
    example: '1000',
    expected: 'a whole number from 0 to 1000000',
    read: number(0, 1_000_000),
  },
  metricsToken: {
    name: 'METRICS_TOKEN',
    doc: 'What a Prometheus elsewhere shows at /metrics (Authorization: Bearer TOKEN), at least 16 characters; empty: only this machine itself reads them, and whoever may see the hub.',
    example: '',
    expected: 'at least 16 characters without blanks',
    secret: true,
    read: (text) => (/^[\x21-\x7e]{16,}$/.test(text) ? text : undefined),
  },
  registration: {
    name: 'REGISTRATION',
    doc: 'Whether anybody who reaches the hub may make themselves an account; it has no role until an admin gives it one. Off: by invitation alone.',
    example: 'off',
    expected: 'on or off',
    read: onOff,
  },
  oidcIssuer: {
    name: 'OIDC_ISSUER',
    doc: 'An OpenID provider by which people sign in, for instance a Keycloak realm (https://HOST/realms/NAME); empty: by password alone.',
    example: '',
    expected: 'an https:// URL, or http:// on this machine',
    read: (text) => (isEndpoint(text) ? text : undefined),
  },
  oidcClientId: {
    name: 'OIDC_CLIENT_ID',
    doc: 'The name under which the provider knows the hub.',
    example: '',
    expected: 'a name without blanks',
    read: (text) => (/^\S{1,200}$/.test(text) ? text : undefined),
  },
  oidcClientSecret: {
    name: 'OIDC_CLIENT_SECRET',
    doc: 'The secret of that client; empty for a public client.',
    example: '',
    expected: 'text without blanks',
    secret: true,
    read: (text) => (/^[\x21-\x7e]+$/.test(text) ? text : undefined),
  },
  egressAllow: {
    name: 'EGRESS_ALLOW',
    doc: "Private hosts that bots' settings may name (platform emulators, action servers), separated by commas; everything private is refused otherwise.",
    example: '',
    expected: 'host names or addresses, each with or without :PORT',
    read: hostsOf,
  },
  eventsUrl: {
    name: 'EVENTS_URL',
    doc: "Where the events of all conversations go, in Rasa's own format: a topic of Kafka (?tls=true and sasl=SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN where needed), or an endpoint that is sent signed requests. More endpoints: POST /subscriptions. Empty: nowhere.",
    example: '',
    expected: 'kafka://USER:PASSWORD@HOST:9092,HOST2:9092/TOPIC, https://HOST/PATH, or http:// on this machine',
    secret: true,
    read: (text) => (kafkaPlaceOf(text) || isEndpoint(text) ? text : undefined),
  },
  eventsSecret: {
    name: 'EVENTS_SECRET',
    doc: 'What requests to EVENTS_URL are signed with, as https://www.standardwebhooks.com says; needed where that is no Kafka.',
    example: '',
    expected: 'whsec_ and at least 24 bytes in base64 (openssl rand -base64 24)',
    secret: true,
    read: (text) => (/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(text) ? text : undefined),
  },
  ingestUrl: {
    name: 'INGEST_URL',
    doc: "A topic of Kafka with the events of bots that run elsewhere (engine remote), as Rasa's event broker writes them with partition_by_sender: True; they are shown with the other conversations. ?group= is the consumer group (switchboard), ?appId= the bot of events without metadata.assistant_id. Empty: none.",
    example: '',
    expected: 'kafka://USER:PASSWORD@HOST:9092/TOPIC',
    secret: true,
    read: (text) => (kafkaPlaceOf(text, ['group', 'appId']) ? text : undefined),
  },
  customCode: {
    name: 'CUSTOM_CODE',
    doc: "Whether Python that bots' projects bring (actions.py, actions/) is taken and run, each bot's in a process of its own. Where CHILD_UIDS is off, or the hub does not run as root, it can do what the hub's user can: on only where you trust whoever may write bots.",
    example: 'off',
    expected: 'on or off',
    read: onOff,
  },
  childUids: {
    name: 'CHILD_UIDS',
    doc: "Whether each process of a bot (answering, actions, training, checks) runs as a user of its own, who can read, reach and end nothing of the hub or of other bots. auto: where the hub runs as root on Linux; GET /machine and the doctor say if not, and why. A range of free user ids, at least as many as /proc/sys/kernel/pid_max: the same, and no bot starts where it can't be. off: all run as the hub's user.",
    example: 'auto',
    expected: 'auto, off, or FIRST-LAST from 1000 to 2147352575',
    read: uidsOf,
  },
  rasaPython: {
    name: 'RASA_PYTHON',
    doc: 'A Python that has Rasa 3.6; empty: one is provisioned on the first start; "none": no Rasa, bots answer with the lite engine.',
    example: '',
    expected: 'a path, or none',
    read: (text) => text,
  },
  rasaRuntimes: {
    name: 'RASA_RUNTIMES',
    doc: 'More Rasa installations, for bots whose projects need packages or a version of their own; POST /bots {"runtime": "name"} chooses one.',
    example: '',
    expected: 'name=/path/to/python,name2=/path/to/python',
    read: runtimesOf,
  },
  rasaTraceSeconds: {
    name: 'RASA_TRACE_SECONDS',
    doc: "Seconds after a bot with DIET or TED was asked five times since it woke until its models' graphs are traced in the background; off: never, which saves some 50 MB per bot in use and makes its answers slower (0.1 to 0.2 s instead of 0.02).",
    example: '3',
    expected: 'a number of seconds from 0 to 86400, or off',
    read: (text) => (text === 'off' ? null : number(0, 86_400, false)(text)),
  },
  memoryBudget: {
    name: 'MEMORY_BUDGET',
    doc: 'What all awake bots may use together; the one that is missed least goes to sleep when another needs room. Empty: 60 % of the memory.',
    example: '',
    expected: 'a size like 6g, at least 64m',
    read: sizeFrom(64 * 2 ** 20),
  },
  botMemoryCap: {
    name: 'BOT_MEMORY_CAP',
    doc: "What one bot's process may use: near it a fresh process takes over, and at it the process is ended.",
    example: '2g',
    expected: 'a size like 2g, at least 64m',
    read: sizeFrom(64 * 2 ** 20),
  },
  minFreeMemory: {
    name: 'MIN_FREE_MEMORY',
    doc: 'Bots wait with waking while less memory than this is free on the machine.',
    example: '256m',
    expected: 'a size like 256m or 1g',
    read: bytesOf,
  },
  parseCache: {
    name: 'PARSE_CACHE',
    doc: 'How much of what models understood is kept, so that the same text asked of the same model by POST parse is answered at once; 0: nothing, for models that understand one text in different ways.',
    example: '32m',
    expected: 'a size like 32m, or 0',
    read: bytesOf,
  },
  idleParkSeconds: {
    name: 'IDLE_PARK_SECONDS',
    doc: 'An awake bot that was asked nothing for so long goes to sleep.',
    example: '900',
    expected: 'a number of seconds from 1 to 31536000',
    read: number(1, 31_536_000),
  },
  slowAnswerSeconds: {
    name: 'SLOW_ANSWER_SECONDS',
    doc: 'A message that waits so long for its answer gets an apology in the chat; the answer follows.',
    example: '10',
    expected: 'a number of seconds from 0.1 to 3600',
    read: number(0.1, 3600, false),
  },
  conversationDays: {
    name: 'CONVERSATION_DAYS',
    doc: 'Messages, their replies and their dead letters are deleted after so many days, and what a bot remembers of a conversation with its last message; empty: they are kept for ever. A bot may say otherwise (PUT /bots/{appId}/retention). What still has to be answered or sent stays.',
    example: '',
    expected: 'a whole number of days from 2 to 36500',
    read: number(2, 36_500),
  },
  maxParallelTrainings: {
    name: 'MAX_PARALLEL_TRAININGS',
    doc: 'Trainings that run at once on this machine; the others wait in a fair queue. Empty: one on a hub, one per core on a trainer.',
    example: '',
    expected: 'a whole number from 1 to 64',
    read: number(1, 64),
  },
  minFreeDisk: {
    name: 'MIN_FREE_DISK',
    doc: 'Trainings wait while less than this is free in DATA_DIR (bytes, or with k, m, g); bots wait with waking below a quarter of it.',
    example: '1g',
    expected: 'a size like 500m or 2g',
    read: bytesOf,
  },
  cacheDir: {
    name: 'SWITCHBOARD_CACHE',
    doc: 'Folder for the Rasa runtime (2.6 GB), shared by all checkouts of this user; empty: the per-user cache folder.',
    example: '',
    expected: 'a folder path',
    read: (text) => resolve(text),
  },
  logLevel: {
    name: 'LOG_LEVEL',
    doc: 'Least important kind of log line that is written.',
    example: 'info',
    expected: `one of ${logLevels.join(', ')}`,
    read: (text) => logLevels.find((level) => level === text),
  },
} satisfies Record<Exclude<keyof Config, 'childEnv'>, Setting<unknown>>;

const inherited = /^(PATH|LANG|LC_ALL|TZ|OPENBLAS_\w+|LD_LIBRARY_PATH|SYSTEMROOT)$/;

function childEnvOf(env: Record<string, string | undefined>): Config['childEnv'] {
  const entries = Object.entries(env).filter(
    (entry): entry is [string, string] => inherited.test(entry[0]) && entry[1] !== undefined,
  );
  return Object.freeze(Object.fromEntries(entries));
}

/** Where the platform keeps per-user caches. */
function cacheDirOf(env: Record<string, string | undefined>): string {
  const home = env['HOME'] ?? env['USERPROFILE'] ?? tmpdir();
  if (env['XDG_CACHE_HOME']) return join(env['XDG_CACHE_HOME'], 'switchboard');
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches', 'switchboard');
  if (process.platform === 'win32') return join(env['LOCALAPPDATA'] ?? home, 'switchboard', 'cache');
  return join(home, '.cache', 'switchboard');
}

/** Where the text of settings comes from. */
interface Source {
  env: Record<string, string | undefined>;
  readFile: ReadFile;
  faults: string[];
}
/** Reads a file; throws what the file system says. */
export type ReadFile = (path: string) => string;

/** What was set, in the environment or, for a secret, in the file that `NAME_FILE` names; '' when nothing was, or what was is a fault. */
function givenText({ name, secret }: Setting<unknown>, { env, readFile, faults }: Source): string {
  const direct = env[name]?.trim() ?? '';
  const path = secret ? (env[`${name}_FILE`]?.trim() ?? '') : '';
  if (path === '') return direct;
  if (direct !== '') return fault(`${name} and ${name}_FILE are both set: keep one of them.`);
  try {
    return readFile(path).trim() || fault(`${name}_FILE=${JSON.stringify(path)}: the file is empty.`);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'it cannot be read';
    return fault(`${name}_FILE=${JSON.stringify(path)}: expected a file that can be read (${why}).`);
  }
  function fault(words: string): string {
    faults.push(words);
    return '';
  }
}

/**
 * Reads all settings. Throws `ConfigError` naming every fault; secrets are never quoted in it. `readFile` reads the files that hold
 * secrets (`ADMIN_TOKEN_FILE` and the like); without it there are none.
 */
export function configOf(env: Record<string, string | undefined>, readFile: ReadFile = noFiles): Config {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const text = givenText(setting, { env, readFile, faults }) || setting.example;
    values[key] = text === '' ? null : setting.read(text);
    if (values[key] !== undefined) continue;
    const given = setting.secret ? '(hidden)' : JSON.stringify(text);
    faults.push(`${setting.name}=${given}: expected ${setting.expected}. ${setting.doc}`);
  }
  if (values['oidcIssuer'] && values['oidcClientId'] === null)
    faults.push(
      'OIDC_ISSUER is set and OIDC_CLIENT_ID is not: set it to the name of the client that the provider has for this hub.',
    );
  if (/^http/.test(String(values['eventsUrl'])) && values['eventsSecret'] === null)
    faults.push(
      'EVENTS_URL is an endpoint and EVENTS_SECRET is not set: set it to what its requests are to be signed with (whsec_…), and give it to whoever receives them.',
    );
  if (faults.length > 0) throw new ConfigError(faults);
  const config = values as unknown as Config;
  const databaseUrl = (values['databaseUrl'] as string | null) ?? `sqlite:${join(config.dataDir, 'switchboard.db')}`;
  return Object.freeze({
    ...config,
    rasaRuntimes: Object.freeze((values['rasaRuntimes'] as Config['rasaRuntimes'] | null) ?? {}),
    databaseUrl,
    modelStorage: config.modelStorage || `file:${join(config.dataDir, 'models')}`,
    egressAllow: Object.freeze((values['egressAllow'] as string[] | null) ?? []),
    childEnv: childEnvOf(env),
    cacheDir: config.cacheDir || cacheDirOf(env),
  });
}

function noFiles(): never {
  throw new Error('no file is read here');
}

/** The text of `config.example.env`: every setting with its meaning and default, commented out. */
export function exampleEnv(): string {
  const blocks = Object.values<Setting<unknown>>(settings).map(
    (setting) => `# ${setting.doc}\n# Expected: ${setting.expected}.\n#${setting.name}=${setting.example}\n`,
  );
  return `# Settings of Switchboard, with their defaults. Generated: npm run -s switchboard -- config > config.example.env\n# Each setting that holds a secret may be in a file instead: ADMIN_TOKEN_FILE=/run/secrets/admin_token.\n\n${blocks.join('\n')}`;
}
