import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { open, readFile, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { configOf } from '../../src/config.js';
import { rasaEnvironment } from '../../src/engines/rasa/environment.js';
import { eventually, newHub, realRasa, type TestHub } from '../support/hub.js';

const packageDir = join(process.cwd(), 'src', 'engines', 'rasa');
const canary = 'canary-8d1f0c7b2a';
/** What a bot's author may write to see what stands in our environment. */
const variables = [
  ...['leak ${SB_CANARY} end', '"leak ${SB_CANARY} end"', "'leak ${SB_CANARY} end'", '${SB_CANARY}', '"${SB_CANARY}"'],
  ...['a${SB_CANARY}b${SB_CANARY}c', '$SB_CANARY', '"\\x24{SB_CANARY}"', '"$\\u007bSB_CANARY}"', '!env ${SB_CANARY}'],
  ...['!env_var SB_CANARY', '[a, "${SB_CANARY}"]', '{a: "${SB_CANARY}"}', '${HOME}/${SB_CANARY}', '>-\n  ${SB_CANARY}'],
  ...['|\n  ${SB_CANARY}', '&x ${SB_CANARY}', '${${SB_CANARY}}', '{"${SB_CANARY}": 1}', '!!str ${SB_CANARY}'],
];
/** Reads each as Rasa does, and tells what it makes of it. */
const reader = `
import json, sys
from rasa.shared.utils.io import read_yaml
for text in json.loads(sys.stdin.readline()):
    try:
        print(repr(read_yaml("text: " + text)))
    except Exception as error:
        print(repr(error))
`;

/** A bot of one action. It needs no TensorFlow. */
const project = {
  'config.yml':
    'recipe: default.v1\nlanguage: en\npipeline:\n- name: WhitespaceTokenizer\n- name: KeywordIntentClassifier\npolicies:\n- name: RulePolicy\n',
  'domain.yml': 'version: "3.1"\nintents: [reach]\nactions: [action_reach]\n',
  'data/nlu.yml': 'version: "3.1"\nnlu:\n- intent: reach\n  examples: |\n    - reach\n',
  'data/rules.yml': 'version: "3.1"\nrules:\n- rule: reach\n  steps: [{intent: reach}, {action: action_reach}]\n',
};
/** From inside of one bot's process: every way to another's. What it got of each is its answer. */
const attack = `
import ctypes, glob, http.client, json, os, signal, socket, subprocess
from rasa_sdk import Action

def tried(work):
    try:
        work()
        return "done"
    except OSError as error:
        return type(error).__name__

def ptrace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")

def lurk(at):
    got = {}
    for path in at["files"]:
        got["read " + path] = tried(lambda: open(path, "rb").read(1))
        got["write " + path] = tried(lambda: open(path, "ab").close())
    for path in at["folders"]:
        got["list " + path] = tried(lambda: os.listdir(path))
        got["make in " + path] = tried(lambda: open(os.path.join(path, "here"), "wb").close())
    for path in at["sockets"]:
        got["connect " + path] = tried(lambda: Unix(path).connect())
    for pid in at["pids"]:
        for name in ("environ", "mem", "maps", "auxv"):
            got[f"read {name} of {pid}"] = tried(lambda: open(f"/proc/{pid}/{name}", "rb").read(1))
        for name in ("cwd", "root"):
            got[f"enter {name} of {pid}"] = tried(lambda: os.listdir(f"/proc/{pid}/{name}/"))
        got[f"files of {pid}"] = tried(lambda: os.listdir(f"/proc/{pid}/fd"))
        got[f"trace {pid}"] = tried(lambda: ptrace(pid))
        for number in (0, signal.SIGTERM, signal.SIGSTOP):
            got[f"send {number} to {pid}"] = tried(lambda: os.kill(pid, number))
        got[f"renice {pid}"] = tried(lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
    for name in ("setuid", "setgid"):
        got[name] = tried(lambda: getattr(os, name)(0))
    got["setgroups"] = tried(lambda: os.setgroups([0]))
    return got

def left():
    """A process in a session of its own, that ignores what it is told."""
    words = ["sh", "-c", "trap '' TERM HUP; (setsid sleep 300 &) ; echo started"]
    subprocess.run(words, start_new_session=True, check=True)
    return {"uid": os.getuid()}

def ask(connection, path, headers, method="GET", body=None):
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return [response.status, response.read(2000).decode("utf-8", "replace")]
    except OSError as error:
        return [0, type(error).__name__]

class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("rasa", timeout=3)
        self.path = path
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(3)
        self.sock.connect(self.path)

def sockets():
    with open("/proc/net/unix") as table:
        named = {line.split()[-1] for line in table if "/sb-" in line}
    return sorted(named | set(glob.glob("/tmp/sb-*/**/*.sock", recursive=True)))

class Reach(Action):
    def name(self):
        return "action_reach"
    def run(self, dispatcher, tracker, domain):
        ask_for = json.loads(tracker.latest_message["metadata"]["ask"])
        if "lurk" in ask_for:
            status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
            own = {name: status[name].split() for name in ("Uid", "Gid", "Groups", "CapEff", "NoNewPrivs")}
            dispatcher.utter_message(json_message={"own": own, "got": lurk(ask_for["lurk"])})
            return []
        if "leave" in ask_for:
            dispatcher.utter_message(json_message=left())
            return []
        found, seen = {}, {}
        say = json.dumps({"sender": "x", "message": "reach"})
        for path in sockets():
            if ask_for["runtime"] not in path:
                continue
            guesses = [{}, {"x-switchboard-secret": ""}, {"x-switchboard-secret": "x" * 48}, {"authorization": "Bearer " + "0" * 48}]
            for n, headers in enumerate(guesses):
                found[f"{os.path.basename(path)} {n} GET"] = ask(Unix(path), "/", headers)[0]
                found[f"{os.path.basename(path)} {n} POST"] = ask(Unix(path), "/webhooks/rest/webhook", headers, "POST", say)[0]
                found[f"{os.path.basename(path)} {n} trackers"] = ask(Unix(path), "/trackers", headers)[0]
        for port in ask_for["ports"]:
            seen[str(port)] = ask(http.client.HTTPConnection("127.0.0.1", port, timeout=3), "/webhook", {}, "POST", "{}")[0]
        hub = ask_for["hub"]
        gates = [ask(http.client.HTTPConnection("127.0.0.1", hub, timeout=3), path, {})[0] for path in ask_for["paths"]]
        fds = sorted(os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd))
        dispatcher.utter_message(json_message={"sockets": found, "ports": seen, "gates": gates, "fds": fds, "env": dict(os.environ)})
        return []
`;

const processes = (): number[] => readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
/** What a process says of itself; '' when it has gone. */
const said = (pid: number, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
};
const titleOf = (pid: number): string => said(pid, 'cmdline').replace(/[\0 ]+$/, '');
const userOf = (pid: number): number => Number(/^Uid:\s+(\d+)/m.exec(said(pid, 'status'))?.[1] ?? -1);
/** That of the bot's answers, and that of its actions. */
const processesOf = (appId: string): number[] =>
  processes().filter((pid) => [`rasa-${appId}`, `rasa-actions-${appId}`].includes(titleOf(pid)));

/** This process and all that come of it. */
function family(): number[] {
  const parents = new Map<number, number>();
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      parents.set(pid, Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? 0));
    } catch {
      // It has gone meanwhile.
    }
  }
  const ours = (pid: number): boolean =>
    pid === process.pid || (parents.has(pid) && pid > 1 && ours(parents.get(pid) ?? 0));
  return [...parents.keys()].filter(ours);
}
/** Where these processes listen. */
function listening(pids: number[]): { port: number; loopback: boolean }[] {
  const inodes = new Set(
    pids.flatMap((pid) => {
      try {
        return readdirSync(`/proc/${pid}/fd`).map((fd) => {
          try {
            return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '';
          } catch {
            return '';
          }
        });
      } catch {
        return [];
      }
    }),
  );
  const rows = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      // 0A: listening; of UDP every bound one.
      .filter(
        ([, , , state, , , , , , inode]) => (table.startsWith('udp') || state === '0A') && inodes.has(inode ?? ''),
      ),
  );
  return rows
    .map(([, local = '']) => local.split(':'))
    .map(([address = '', port = '']) => ({
      port: parseInt(port, 16),
      loopback: /^(?:[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/.test(address),
    }))
    .filter(({ port }) => port > 0);
}

describe('What one bot can do to the others', function () {
  this.timeout(240_000);
  let hub: TestHub;
  let one: string;
  let other: string;
  const make = async (files: Record<string, string>): Promise<string> => {
    const { appId } = (await hub.api('POST', '/bots', { name: 'Own', pipeline: 'project' })).body as { appId: string };
    for (const [path, content] of Object.entries(files))
      assert.equal((await hub.api('PUT', `/bots/${appId}/files/${path}`, content)).status, 200, path);
    const { body } = await hub.api('POST', `/bots/${appId}/train?wait=true`);
    assert.equal(body.state, 'done', JSON.stringify(body));
    return appId;
  };
  before(async () => {
    process.env['SB_CANARY'] = canary;
    hub = await newHub({
      rasa: realRasa(),
      env: { CUSTOM_CODE: 'on', SB_CANARY: canary, ADMIN_TOKEN: `${canary}-admin-token`, SECRET_KEY: `${canary}-key` },
    });
    [one, other] = [await make({ ...project, 'actions.py': attack }), await make({ ...project, 'actions.py': attack })];
  });
  after(async () => {
    delete process.env['SB_CANARY'];
    await hub.stop();
  });
  interface Got {
    sockets: Record<string, number>;
    ports: Record<string, number>;
    gates: number[];
    fds: string[];
    env: Record<string, string>;
  }
  const reach = async (appId: string, ask: object): Promise<Got> => {
    const body = { sender: 'u', message: 'reach', metadata: { ask: JSON.stringify(ask) } };
    const answer = await hub.api('POST', `/bots/${appId}/messages`, body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return (answer.body as { custom: Got }[])[0]!.custom;
  };

  it('is not to reach them: not by their sockets, their ports, the line of the hub, its API or what was left open', async () => {
    const port = Number(new URL(hub.url).port);
    const paths = [`/bots/${other}/status`, `/api/v1/bots/${other}`, `/bots/${other}/conversations/u/tracker`];
    await hub.api('POST', `/bots/${other}/wake`);
    const ports = listening(family()).map((at) => at.port);
    const runtime = `sb-${process.pid}-`;
    const got = await reach(one, { runtime, hub: port, ports, paths });
    const names = Object.keys(got.sockets);
    const { own } = (await hub.api('GET', '/machine')).body.childUids as { own: boolean };
    // Two processes of each bot, and the hub's own; twelve questions to each.
    assert.ok(new Set(names.map((name) => name.split(' ')[0])).size >= 3, names.join(' '));
    // To whom they are another user's they are not even open.
    for (const [name, status] of Object.entries(got.sockets)) assert.equal(status, own ? 0 : 401, name);
    // The two processes of actions, whose protocol needs ports (the one that asks hears nothing of itself), and the hub's own.
    const open = Object.entries(got.ports).filter(([, status]) => status !== 401 && status !== 0);
    assert.deepEqual(
      [Object.keys(got.ports).length >= 3, open.map(([at]) => Number(at))],
      [true, [port]],
      JSON.stringify(got.ports),
    );
    assert.deepEqual(got.gates, [401, 401, 401]);
    assert.deepEqual(
      got.fds.filter((fd) => fd.startsWith('/') && fd !== '/dev/null'),
      [],
    );
  });

  it('is to be another user in each of its processes, where the hub is root: what is not its own it neither reads, writes, enters, asks nor ends', async () => {
    const { childUids } = (await hub.api('GET', '/machine')).body as { childUids: { own: boolean; reason: string } };
    if (process.geteuid?.() !== 0) return assert.match(childUids.reason, /does not run as root/);
    assert.deepEqual(childUids, { own: true, reason: null });
    for (const appId of [one, other]) await hub.api('POST', `/bots/${appId}/wake`);
    const mine = processesOf(one);
    const theirs = processesOf(other);
    const all = [...mine, ...theirs];
    assert.deepEqual([mine.length, theirs.length], [2, 2], JSON.stringify(all));
    assert.equal(new Set([process.pid, ...all].map(userOf)).size, 5, 'each has a user of its own');
    const homes = theirs.map((pid) => readlinkSync(`/proc/${pid}/cwd`));
    const archive = await archiveOf(hub, (await hub.api('GET', `/bots/${other}`)).body.activeModel as string);
    const runtime = dirname(homes[0]!);
    const lurk = {
      files: [
        archive,
        join(hub.dataDir, 'switchboard.db'),
        join(hub.dataDir, 'session-key'),
        ...homes.map((home) => join(home, 'project', 'actions.py')),
      ],
      folders: [hub.dataDir, join(hub.dataDir, 'models'), runtime, ...homes],
      sockets: [
        ...readdirSync(runtime)
          .filter((name) => name.endsWith('.sock'))
          .map((name) => join(runtime, name)),
        ...homes.map((home) => join(home, 'hub.sock')),
      ],
      pids: [
        process.pid,
        Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${theirs[0]}/status`, 'utf8'))?.[1]),
        ...theirs,
      ],
    };
    const { own, got } = (await reach(one, { lurk })) as unknown as { own: Record<string, string[]>; got: object };
    const open = Object.entries(got).filter(([, how]) => how !== 'PermissionError');
    assert.ok(Object.keys(got).length > 70, `${Object.keys(got).length}`);
    assert.deepEqual(open, []);
    assert.deepEqual([own['Groups'], own['CapEff'], own['NoNewPrivs']], [[], ['0000000000000000'], ['1']]);
    for (const pid of all) assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /Max processes +512 +512/);
    // What is asked is not so well hidden that the hub itself would not find it.
    assert.ok(lurk.files.slice(0, 2).every((path) => readFileSync(path).length > 0));
  });

  it('is not to leave a process behind, however it hides it', async function () {
    if (process.geteuid?.() !== 0) return this.skip();
    const { uid } = (await reach(one, { leave: true })) as unknown as { uid: number };
    const living = (): number[] => processes().filter((pid) => userOf(pid) === uid);
    assert.equal(living().length, 2);
    await hub.api('POST', `/bots/${one}/park`);
    await eventually(() => living().length === 0, 10);
  });

  it('trains and is checked as another user too', async function () {
    if (process.geteuid?.() !== 0) return this.skip();
    const users = new Set<number>();
    const look = setInterval(() => {
      for (const pid of processes()) if (titleOf(pid) === `rasa-train-${other}`) users.add(userOf(pid));
    }, 5);
    await hub.api(
      'PUT',
      `/bots/${other}/files/data/rules.yml`,
      project['data/rules.yml'].replace('rule: r', 'rule: once more r'),
    );
    const { body } = await hub.api('POST', `/bots/${other}/train?wait=true`);
    clearInterval(look);
    assert.equal(body.state, 'done', JSON.stringify(body));
    // For the moment before it changes its user it may be seen as the hub's.
    assert.deepEqual([...users].filter((uid) => uid !== 0).length, 1);
  });

  it('is not to read what the hub knows: its environment has none of it', async () => {
    const { env } = await reach(one, { runtime: 'none', hub: 1, ports: [], paths: [] });
    assert.ok('PATH' in env);
    assert.ok(!JSON.stringify(env).includes(canary));
  });

  it('is none of twenty ways to say ${NAME}: it has no value there', async () => {
    assert.equal(variables.length, 20);
    const { python } = realRasa() as { python: string };
    const read = async (more: Record<string, string>): Promise<string> => {
      const { childEnv: env } = configOf(process.env);
      const child = rasaEnvironment({ env, packageDir, home: hub.dataDir });
      const run = promisify(execFile)(python, ['-c', reader], { env: { ...child, ...more } });
      run.child.stdin?.end(`${JSON.stringify(variables)}\n`);
      return (await run).stdout;
    };
    const [told, spied] = await Promise.all([read({}), read({ SB_CANARY: canary })]);
    assert.ok(!told.includes(canary), told);
    assert.equal(told.trim().split('\n').length, 20);
    // Where it stood in the environment, most of them would tell: what is looked for can be found.
    assert.ok(spied.split(canary).length > 5, spied);
    assert.ok(!hub.log.join('\n').includes(canary));
  });

  it('opens no port to the network, with ten of its processes up', async () => {
    assert.equal((await hub.api('PATCH', `/bots/${other}`, { instances: { min: 10, max: 10 } })).status, 200);
    await hub.api('POST', `/bots/${other}/wake`);
    const pids = await eventually(async () => {
      const { body } = await hub.api('GET', `/bots/${other}`);
      return (body.pids as number[]).length >= 10 ? (body.pids as number[]) : null;
    }, 60);
    const children = listening(family().filter((pid) => pid !== process.pid));
    assert.deepEqual(
      children.filter(({ loopback }) => !loopback),
      [],
      `${pids.length} are up`,
    );
    assert.ok(listening([process.pid]).some(({ port }) => port === Number(new URL(hub.url).port)));
    await hub.api('PATCH', `/bots/${other}`, { instances: { min: 0, max: 1 } });
  });

  it('a hundred archives with one byte flipped are refused, and the model in use goes on answering', async () => {
    const before = (await hub.api('GET', `/bots/${one}`)).body.activeModel as string;
    const rules = project['data/rules.yml'].replace('rule: reach', 'rule: reach again');
    await hub.api('PUT', `/bots/${one}/files/data/rules.yml`, rules);
    assert.equal((await hub.api('POST', `/bots/${one}/train?wait=true`)).body.state, 'done');
    const { activeModel } = (await hub.api('GET', `/bots/${one}`)).body as { activeModel: string };
    assert.notEqual(activeModel, before);
    const archive = await archiveOf(hub, before);
    const bytes = await readFile(archive);
    for (let n = 0; n < 100; n += 1) {
      const at = Math.floor((bytes.length * n) / 100);
      await write(archive, at, Buffer.from([(bytes[at] ?? 0) ^ (1 << (n % 8))]));
      const { status, body } = await hub.api('POST', `/bots/${one}/models/${before}/activate`);
      assert.deepEqual([status, body.code], [409, 'model_missing'], `${n}`);
      await write(archive, at, bytes.subarray(at, at + 1));
    }
    assert.equal((await hub.api('GET', `/bots/${one}`)).body.activeModel, activeModel);
    await reach(one, { runtime: 'none', hub: 1, ports: [], paths: [] });
    assert.equal((await hub.api('POST', `/bots/${one}/models/${before}/activate`)).status, 200);
  });
});

async function archiveOf({ dataDir }: TestHub, model: string): Promise<string> {
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(join(dataDir, 'switchboard.db'), { readonly: true });
  const row = db.prepare('SELECT * FROM models WHERE id = ?').get(model) as Record<string, unknown>;
  db.close();
  const digest = Object.values(row).find((value) => /^[0-9a-f]{64}$/.test(String(value))) as string;
  return join(dataDir, 'models', digest.slice(0, 2), digest.slice(2));
}

async function write(path: string, at: number, byte: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(byte, 0, 1, at);
  await file.close();
  // Within the same tick of the file system's clock it would look as before.
  const now = new Date(Date.now() + Math.random() * 1e6);
  await utimes(path, now, now);
}
