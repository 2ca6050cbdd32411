/** What a node does for one installation: a pool of its bots, and an agent at each of its hubs' lines. */
import type { Engines } from '../../contracts.js';
import type { Log } from '../../log.js';
import { type Agent, createAgent } from './agent.js';
import type { Session } from './dialer.js';
import { Holds } from './holds.js';
import type { Hubs } from './hubs.js';
import type { Peer } from './peer.js';
import type { News } from './protocol.js';
import type { Residents } from './residents.js';

export interface HouseholdOptions {
  engines: Engines;
  residents: Residents;
  hubs: Hubs;
  log: Log;
  /** How often hubs are told. */
  tellMs?: number;
}

const defaultTellMs = 500;

export class Household {
  private readonly agents = new Map<Agent, Peer>();
  private readonly timer: NodeJS.Timeout;
  private readonly holds = new Holds();
  private draining = false;

  constructor(private readonly options: HouseholdOptions) {
    this.timer = setInterval(() => this.tellAll(), options.tellMs ?? defaultTellMs).unref();
  }

  /** Questions of hubs under way. */
  get busy(): number {
    return [...this.agents.keys()].reduce((sum, { busy }) => sum + busy, 0);
  }
  get awake(): number {
    return this.options.engines.usage().states.awake;
  }

  /** A hub has let the node in. */
  welcome(peer: Peer): Session {
    const { engines, residents, hubs, log } = this.options;
    const tell = (news: News): void => peer.tell('news', news);
    const { holds } = this;
    const agent = createAgent({ engines, residents, holds, tell, drain: (on) => this.drain(on), log });
    tell({ draining: this.draining, usage: engines.usage() });
    agent.look();
    // The hub knows all that is awake now, and looks whether it should be.
    peer.call('synced').catch(() => undefined);
    hubs.add(peer);
    this.agents.set(agent, peer);
    return {
      handlers: agent.handlers,
      end: () => {
        this.agents.delete(agent);
        agent.end();
      },
    };
  }

  /** Takes no new bots any more, or again; what is there goes on until hubs have seen to it elsewhere. */
  drain(on: boolean): void {
    this.draining = on;
    this.tellAll();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.options.engines.stop();
  }

  private tellAll(): void {
    const news: News = { draining: this.draining, usage: this.options.engines.usage() };
    for (const [agent, peer] of this.agents) {
      agent.look();
      peer.tell('news', news);
    }
    const { engines, residents } = this.options;
    // There may be thousands; what sleeps is told once more, and then no more looked at.
    for (const appId of residents.known()) if (engines.status(appId).state === 'asleep') residents.leave(appId);
  }
}
