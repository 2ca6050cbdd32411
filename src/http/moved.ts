/**
 * What an old hub answers once another has taken over: platforms' events are handed on, so that none is lost while its channels are set up at
 * the new address; pages lead there; everything else is refused in words that name it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { HubError, hubErrorOf } from '../errors.js';
import type { Log } from '../log.js';
import { problem } from './app.js';
import type { Reply } from './route.js';

/** Slack gives up after 3 s: a 503 before that makes it send the event again. */
const handOnMs = 2500;
const bodyLimit = 1_000_000;
/** What belongs to one connection and not to the message, or is written anew. */
const ofTheHop =
  /^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|content-encoding|expect|x-forwarded-.*)$/;

export interface MovedHub {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Refuses a websocket. */
  upgrade(request: IncomingMessage, socket: Duplex): void;
}

/** `url`: the origin of the hub that took over. */
export function movedHub(url: string, log: Log): MovedHub {
  const gone = (path: string): Reply => {
    const words = `This hub has moved to ${url} and answers nothing any more: use that address.`;
    const reply = problem(new HubError('moved', words));
    return { ...reply, headers: { ...reply.headers, location: url + path } };
  };
  const reply = async (request: IncomingMessage): Promise<Reply> => {
    const { method = 'GET', url: path = '/', headers } = request;
    const known = stateOf(path, url);
    if (known) return known;
    const event = method === 'POST' ? eventAt(url, path) : null;
    if (event) return handOn(request, { hub: url, event });
    if (method === 'GET' && path.split('?')[0] === '/widget.js') return widgetThere(url);
    const isPage = method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '');
    return isPage ? { status: 307, headers: { location: url + path }, text: '' } : gone(path);
  };
  return {
    handle(request, response) {
      void reply(request)
        .catch((error: unknown) => {
          log.warn({ error: (error as Error).message, hub: url }, 'an event could not be handed on');
          return problem(hubErrorOf(error));
        })
        .then((made) => send(response, made));
    },
    upgrade(request, socket) {
      const { status = 421, text = '' } = gone(request.url ?? '/');
      socket.end(
        `HTTP/1.1 ${String(status)} Misdirected Request\r\ncontent-length: ${String(text.length)}\r\n\r\n${text}`,
      );
    },
  };
}

/** It is well, and in service: for what restarts it, and for what sends it traffic. */
function stateOf(path: string, hub: string): Reply | null {
  if (path !== '/health/live' && path !== '/health/ready') return null;
  const text = JSON.stringify({ status: path === '/health/live' ? 'ok' : 'moved', hub });
  return { status: 200, headers: { 'content-type': 'application/json' }, text };
}

/** Where the other hub takes the event; null for what is none, also when it only begins like one (`/webhooks/../api`): to that hub it would come from this one. */
function eventAt(hub: string, path: string): URL | null {
  const at = path.startsWith('/webhooks/') && URL.canParse(hub + path) ? new URL(hub + path) : null;
  return at?.pathname.startsWith('/webhooks/') ? at : null;
}

/** The event as it came, to the other hub, and its answer as it comes. Rejects with `moved_unreachable`: the platform sends the event again. */
async function handOn(request: IncomingMessage, { hub, event }: { hub: string; event: URL }): Promise<Reply> {
  const body = await bodyOf(request);
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    if (!ofTheHop.test(name) && value !== undefined) headers.set(name, String(value));
  const before = request.headers['x-forwarded-for'];
  headers.set('x-forwarded-for', [before, request.socket.remoteAddress].filter(Boolean).join(', '));
  const signal = AbortSignal.timeout(handOnMs);
  try {
    const answer = await fetch(event, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal,
    });
    const type = answer.headers.get('content-type');
    return { status: answer.status, headers: type ? { 'content-type': type } : {}, text: await answer.text() };
  } catch (error) {
    throw new HubError('moved_unreachable', `The hub at ${hub} took this one's place and does not answer; try again.`, {
      cause: error,
      afterSeconds: 2,
    });
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyLimit) throw new HubError('too_large', 'At most 1 MB are read here; send less at a time.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A script in place of the widget's: it puts the new hub's into the page, with the same settings. */
function widgetThere(hub: string): Reply {
  const text = `(function (old, now) {
  for (var i = 0; i < old.attributes.length; i += 1) if (old.attributes[i].name !== 'integrity') now.setAttribute(old.attributes[i].name, old.attributes[i].value);
  now.src = ${JSON.stringify(`${hub}/widget.js`)};
  old.parentNode.insertBefore(now, old.nextSibling);
})(document.currentScript, document.createElement('script'));
`;
  return {
    status: 200,
    headers: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-cache' },
    text,
  };
}

function send(response: ServerResponse, { status = 200, headers = {}, text = '' }: Reply): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) }).end(text);
}
