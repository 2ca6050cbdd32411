/** The hub's end of all lines: who may be a node, which are there, and what they are given. */
import type { IncomingMessage, Server } from 'node:http';
import type { Bot, ModelShelf, PoolUsage, Principal, Store } from '../../contracts.js';
import { HubError } from '../../errors.js';
import type { Log } from '../../log.js';
import type { Cluster } from './cluster.js';
import { NodeMember } from './node.js';
import { among, createPeer, type Peer } from './peer.js';
import { goodbye, Hello, linePath, protocol } from './protocol.js';
import { createProvisions } from './provisions.js';
import { acceptLines, type Line, type LiveLimits, type Refusal } from './socket.js';

export interface NodesOptions {
  cluster: Cluster;
  store: Pick<Store, 'bots' | 'models' | 'trackers'>;
  shelf: Pick<ModelShelf, 'fetch'>;
  /** The same for all hubs on one store. */
  installation: string;
  /** Who calls, by the token shown; rejects with a HubError for whom it is not, or who asks too much. */
  knock: (request: IncomingMessage) => Promise<Knock>;
  /** Which hub this is, for the list of nodes. */
  self: { id: string; address: string; version: string; cores: number; memoryBudget: number };
  limits?: LiveLimits;
  log: Log;
}
/** A caller that may run bots. */
export interface Knock {
  principal: Principal;
  from: string;
  /** May it run this bot? Null: any bot. */
  serves: (appId: string | null) => boolean;
  /** Is the token still good? Asked every now and then. */
  stands: () => Promise<boolean>;
}
/** A node, as it is shown. */
export interface NodeFacts {
  id: string;
  address: string;
  /** This hub itself. */
  local: boolean;
  state: 'ready' | 'draining';
  /** The address that it calls from; null: it does not call. */
  from: string | null;
  version: string;
  rasa: string | null;
  runtimes: string[];
  cores: number;
  gpus: string[];
  /** What its token lets it run; null: all bots. */
  scope: string | null;
  usage: PoolUsage | null;
  /** What this hub has it do at present. */
  outstanding: number;
  since: string | null;
}
export interface Nodes {
  list(): NodeFacts[];
  /** Takes no new bots any more, or again. Rejects with `not_found`. */
  drain(id: string, on: boolean): Promise<NodeFacts>;
  /** Lets all lines go; the nodes go on with other hubs, or wait for this one. */
  stop(): Promise<void>;
}
interface Joined {
  node: NodeMember;
  hello: Hello;
  peer: Peer;
  knock: Knock;
  since: string;
}

const helloMs = 10_000;
const lookMs = 2000;

/** Takes nodes at `server`. */
export function openNodes(server: Server, options: NodesOptions): Nodes {
  return new NodeList(server, options);
}

class NodeList implements Nodes {
  private readonly joined = new Map<string, Joined>();
  private readonly peers = new Set<Peer>();
  private readonly timer: NodeJS.Timeout;
  private stopped = false;

  constructor(
    server: Server,
    private readonly options: NodesOptions,
  ) {
    acceptLines(server, {
      path: linePath,
      ...(options.limits && { limits: options.limits }),
      judge: (request) => this.judge(request),
      opened: (line, knock) => this.greet(line, knock),
    });
    this.timer = setInterval(() => void this.lookAtTokens(), lookMs).unref();
  }

  list(): NodeFacts[] {
    const outstanding = new Map(this.options.cluster.members().map((one) => [one.member.id, one]));
    const { self } = this.options;
    const [own] = outstanding.values();
    const hub: NodeFacts = {
      ...{ id: self.id, address: self.address, version: self.version, cores: self.cores },
      ...{ local: true, state: 'ready', from: null, rasa: null, runtimes: [], gpus: [], scope: null, since: null },
      usage: own?.member.usage() ?? null,
      outstanding: own?.outstanding ?? 0,
    };
    return [hub, ...[...this.joined.values()].map((one) => this.factsOf(one))];
  }

  async drain(id: string, on: boolean): Promise<NodeFacts> {
    const one = this.joined.get(id);
    if (!one) throw new HubError('not_found', `There is no node ${id}.`);
    await one.node.drain(on);
    return this.factsOf(one);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    const peers = [...this.peers];
    for (const peer of peers) peer.close(goodbye.stopping, 'The hub stops.');
    await Promise.all(peers.map(({ closed }) => closed));
  }

  private factsOf({ node, hello, knock, since }: Joined): NodeFacts {
    const { id, address, version, rasa, runtimes, cores, gpus } = hello;
    const outstanding = this.options.cluster.members().find(({ member }) => member === node)?.outstanding ?? 0;
    const state = node.taking ? 'ready' : 'draining';
    const scope = knock.serves(null) ? null : Object.keys(knock.principal.bots).join(', ');
    const about = { id, address, version, rasa, runtimes, cores, gpus, from: knock.from, state, scope, since } as const;
    return { ...about, local: false, usage: node.usage(), outstanding };
  }

  private async judge(request: IncomingMessage): Promise<{ caller: Knock } | Refusal> {
    if (this.stopped) return refusalOf(new HubError('stopping', 'The hub is shutting down.'));
    try {
      return { caller: await this.options.knock(request) };
    } catch (error) {
      return refusalOf(error instanceof HubError ? error : new HubError('internal', 'The hub failed on this node.'));
    }
  }

  /** Waits for the node's first words, and then lets it in. */
  private greet(line: Line, knock: Knock): void {
    const handedOver = new Set<string>();
    const serves = (appId: string): boolean => knock.serves(null) || knock.serves(appId);
    let node: NodeMember | null = null;
    const handlers = {
      ...createProvisions(this.options, { serves: (appId) => node !== null && serves(appId), handedOver }),
      hello: (value: unknown) => {
        if (node) throw new HubError('invalid', 'It has said hello already.');
        const hello = this.admitted(value, peer);
        clearTimeout(timer);
        const scope = { all: knock.serves(null), serves };
        node = new NodeMember({ hello, peer, scope, handedOver });
        this.join({ node, hello, peer, knock, since: new Date().toISOString() });
        return Promise.resolve({ value: { installation: this.options.installation } });
      },
      news: (value: unknown) => Promise.resolve(node?.hear(value)),
      synced: () => Promise.resolve(node === null ? undefined : this.synced(node)),
    };
    const peer = createPeer(line, among(handlers), 'The node was lost.');
    this.peers.add(peer);
    void peer.closed.then(() => this.peers.delete(peer));
    const timer = setTimeout(() => peer.close(goodbye.hello, 'No hello came.'), helloMs).unref();
  }

  /** Throws, and closes the line with the reason, when it can't be let in. */
  private admitted(value: unknown, peer: Peer): Hello {
    const told = (value as { protocol?: unknown } | null)?.protocol;
    const no = (code: number, words: string): never => {
      peer.close(code, words);
      throw new HubError('invalid', words);
    };
    if (told !== protocol)
      return no(
        goodbye.protocol,
        `Node speaks protocol ${String(told).slice(0, 10)}, hub ${protocol}: install the same release on both.`,
      );
    const read = Hello.safeParse(value);
    if (!read.success) return no(goodbye.hello, 'The hello does not fit.');
    const twin = this.joined.get(read.data.id);
    if (!twin) return read.data;
    const words = `A node with this id is there (${twin.knock.from})`;
    if (twin.hello.run === read.data.run) return no(goodbye.twin, `${words}: this one, on another line.`);
    return no(goodbye.twin, `${words}: each needs a DATA_DIR of its own.`);
  }

  private join(one: Joined): void {
    const { cluster, log } = this.options;
    const { node, hello, knock, peer } = one;
    this.joined.set(hello.id, one);
    const leave = cluster.join(node);
    const facts = { node: hello.id, address: hello.address, from: knock.from };
    log.info({ ...facts, cores: hello.cores, rasa: hello.rasa }, 'a node has come');
    void peer.closed.then(({ code, reason }) => {
      leave();
      if (this.joined.get(hello.id) === one) this.joined.delete(hello.id);
      log.warn({ ...facts, code, reason }, 'a node has gone');
    });
  }

  /** The node has told what it runs: what was switched while it was away goes to sleep, and wakes with its present model. */
  private async synced(node: NodeMember): Promise<void> {
    for (const { appId, models } of [...node.awake()]) {
      const bot: Bot | null = await this.options.store.bots.get(appId);
      if (bot === null) await node.engines.forget(appId);
      else if (bot.activeModel !== null && models.length > 0 && !models.includes(bot.activeModel))
        await node.engines.park(appId);
    }
  }

  /** Whose token is taken away is a node no more. */
  private async lookAtTokens(): Promise<void> {
    for (const { peer, knock } of this.joined.values())
      if (!(await knock.stands().catch(() => true))) peer.close(goodbye.revoked, 'The token does not stand any more.');
  }
}

function refusalOf(error: HubError): Refusal {
  const { status, title, code, message: detail } = error;
  return { status, body: JSON.stringify({ type: 'about:blank', title, status, code, detail }) };
}
