/** Wires the nodes: who may be one, and what they are given. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { availableParallelism, hostname } from 'node:os';
import { addressOf } from '../access/limits.js';
import type { Principal } from '../contracts.js';
import type { Cluster } from '../engines/cluster/cluster.js';
import { type Knock, type Nodes, openNodes } from '../engines/cluster/nodes.js';
import { HubError } from '../errors.js';
import { bearerIn } from '../http/admission.js';
import type { AccessParts } from './access.js';
import { budgetOf } from './engines.js';
import { type Parts, release } from './parts.js';

interface NodeParts {
  server: Server;
  cluster: Cluster;
  access: AccessParts['access'];
  limits: AccessParts['limits'];
}
const name = 'installation';

export async function openNodeLines(parts: Parts, { server, cluster, access, limits }: NodeParts): Promise<Nodes> {
  const { store, shelf, log, options, life } = parts;
  const { config } = options;
  const knock = async (request: IncomingMessage): Promise<Knock> => {
    const from = addressOf(request, config.trustProxy);
    await limits.address(from);
    const token = bearerIn(request.headers.authorization);
    const identified = async (): Promise<Principal | null> => (token ? access.identify({ token }) : null);
    const principal = await identified();
    if (!principal) throw new HubError('unauthorized', 'NODE_TOKEN of this node is not that of the hub.');
    const serves = (appId: string | null): boolean => access.may(principal, 'serve', appId);
    if (!serves(null) && !Object.keys(principal.bots).some(serves))
      throw new HubError(
        'forbidden',
        'This token is no node token: use NODE_TOKEN of the hub, or a key of role builder.',
      );
    const stands = async (): Promise<boolean> => {
      const now = await identified();
      return (
        now !== null &&
        (access.may(now, 'serve', null) || Object.keys(now.bots).some((id) => access.may(now, 'serve', id)))
      );
    };
    return { principal, from, serves, stands };
  };
  const [local] = cluster.members();
  const nodes = openNodes(server, {
    cluster,
    store,
    shelf,
    installation: await installationOf(store.settings),
    knock,
    self: {
      id: local?.member.id ?? 'hub',
      address: hostname(),
      version: release(),
      cores: availableParallelism(),
      memoryBudget: budgetOf(config),
    },
    ...(options.standIns?.nodeLimits && { limits: options.standIns.nodeLimits }),
    log,
  });
  life.onStop('nodes', () => nodes.stop());
  return nodes;
}

/** What tells one installation from another for nodes that serve several. The first hub makes it. */
async function installationOf(settings: Parts['store']['settings']): Promise<string> {
  if (!(await settings.get(name))) await settings.set(name, randomBytes(12).toString('hex'));
  return (await settings.get(name)) ?? '';
}
