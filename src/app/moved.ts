/** A hub that another has taken over from: a listener, and nothing else of the old hub. No bot wakes, nothing is sent or trained. */
import { movedHub } from '../http/moved.js';
import { createHttpServer, guardServer } from '../http/server.js';
import { createCrowd } from '../access/limits.js';
import type { App } from '../app.js';
import { listen } from './listen.js';
import type { Parts } from './parts.js';

type MovedParts = Pick<Parts, 'options' | 'life' | 'log'>;

/** Starts it; `hub` is the address of the one that took over. */
export async function openMovedHub({ options, life, log }: MovedParts, hub: string): Promise<App> {
  const { config } = options;
  const server = createHttpServer();
  const moved = movedHub(hub, log);
  server.on('request', (request, response) => moved.handle(request, response));
  server.on('upgrade', (request, socket) => moved.upgrade(request, socket));
  guardServer(server, createCrowd(config.trustProxy > 0 ? 0 : config.connectionsPerAddress));
  const url = await listen(server, config);
  life.onStop('listener', () => {
    server.close();
    server.closeIdleConnections();
    return Promise.resolve();
  });
  log.warn(
    { hub },
    'this hub was deactivated: it hands on what platforms send, and refuses everything else. `switchboard activate` takes it back',
  );
  return { url, movedTo: hub, adminToken: '', chatUrl: null, firstUrl: null, stop: () => life.stop() };
}
