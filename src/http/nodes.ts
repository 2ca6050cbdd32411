/** Routes of the machines that bots run on. */
import { z } from 'zod';
import { NodeDrain, NodeView } from '../wire.js';
import { param, type Route, route } from './route.js';

export interface NodeRoutesOptions {
  nodes: {
    list(): unknown[];
    /** Rejects with `not_found`. */
    drain(id: string, on: boolean): Promise<unknown>;
  };
}

export function nodeRoutes({ nodes }: NodeRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/nodes',
      summary: 'Where bots run: this hub itself, and the nodes that have a line to it.',
      access: 'watch',
      answers: { 200: { description: 'The machines.', schema: z.object({ items: z.array(NodeView) }) } },
      handle: () => Promise.resolve({ body: { items: nodes.list() } }),
    }),
    route({
      method: 'POST',
      path: '/nodes/{nodeId}/drain',
      summary:
        '`{"on": true}`: the node takes no new bots, so that it can be stopped; its bots wake elsewhere and then sleep there. `{"on": false}`: it takes bots again.',
      access: 'administer',
      body: { schema: NodeDrain },
      answers: { 200: { description: 'The node; its state follows within a second.', schema: NodeView } },
      handle: async (asked) => ({ body: await nodes.drain(param(asked, 'nodeId'), asked.body.on) }),
    }),
  ];
}
