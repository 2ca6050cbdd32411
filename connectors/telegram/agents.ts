/** HTTP agents that connect to no address the operator forbids, be it by name, by a redirect, or written as a number. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

import type { Guard } from '../message/call.js';

export interface Agents {
  http: HttpAgent;
  https: HttpsAgent;
}

/** How every agent makes a socket, which its types leave out. */
interface Connecting {
  createConnection(target: { host?: string; port?: number }, ...rest: unknown[]): unknown;
}

function guarded<A extends HttpAgent>(agent: A, protocol: string, guard: Guard): A {
  const connecting = agent as unknown as Connecting;
  const connect = connecting.createConnection.bind(agent);
  connecting.createConnection = (target, ...rest) => {
    const { host = '', port = 0 } = target;
    const reason = guard.refusal(`${protocol}://${host.includes(':') ? `[${host}]` : host}:${port}/`);
    if (reason) throw new Error(reason);
    return connect(target, ...rest);
  };
  return agent;
}

/** `lookup` looks after names, `refusal` after what is an address already, which is never looked up. */
export function createAgents(guard: Guard): Agents {
  const options = { keepAlive: true, lookup: guard.lookup };
  return {
    http: guarded(new HttpAgent(options), 'http', guard),
    https: guarded(new HttpsAgent(options), 'https', guard),
  };
}
