/** The two that are compared: a plain `rasa run --enable-api`, and a hub's facade over the same archive. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { Pool } from 'undici';
import { newHub, type TestHub } from '../support/hub.js';
import { plainRasa } from '../support/plain-rasa.js';
import type { RasaProject } from '../support/rasa-projects.js';
import type { Step } from './steps.js';

export interface Answer {
  status: number;
  /** Content type, without the charset's letter case; empty for none. */
  type: string;
  body: unknown;
}
export interface Side {
  /** Where it is, and the key. */
  base: string;
  key: string;
  ask(step: Step): Promise<Answer>;
  stop(): Promise<void>;
}

const jwtKey = 'a key of thirty-two bytes or more';
const plainKey = 'plain-key';

async function token(key: string, user: object, expires = '2h'): Promise<string> {
  const jwt = new SignJWT({ user }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(expires);
  return `Bearer ${await jwt.sign(new TextEncoder().encode(key))}`;
}

/** How a step's caller shows who he is. */
async function credentials(as: Step['as'], key: string): Promise<{ query?: string; authorization?: string }> {
  const anna = { username: 'anna', role: 'user' };
  if (as === undefined || as === 'key') return { query: `token=${key}` };
  if (as === 'wrong') return { query: 'token=wrong' };
  if (as === 'not-bearer') return { authorization: 'Basic YTpi' };
  if (as === 'jwt-admin') return { authorization: await token(jwtKey, { username: 'x', role: 'admin' }) };
  if (as === 'jwt-anna') return { authorization: await token(jwtKey, anna) };
  if (as === 'jwt-none') return { authorization: await token(jwtKey, { username: 'anna' }) };
  if (as === 'jwt-forged') return { authorization: await token('another key, of thirty-two bytes', anna) };
  if (as === 'jwt-late') return { authorization: await token(jwtKey, anna, '-1h') };
  return {};
}

/** Asks as it stands: nothing of the path is tidied up, no header is added. */
function asker(base: string, key: string, model: () => string): Side['ask'] {
  const { origin, pathname } = new URL(base);
  const http = new Pool(origin, { connections: 1, headersTimeout: 300_000 });
  return async (step) => {
    const { query, authorization } = await credentials(step.as, key);
    const path = query === undefined ? step.path : `${step.path}${step.path.includes('?') ? '&' : '?'}${query}`;
    const {
      statusCode: status,
      headers,
      body: stream,
    } = await http.request({
      method: step.method,
      path: `${pathname.replace(/\/$/, '')}${path}`,
      headers: { ...step.headers, ...(authorization === undefined ? {} : { authorization }) },
      ...(step.body === undefined ? {} : { body: step.body.replace('{MODEL}', model()) }),
    });
    const text = await stream.text();
    const type = String(headers['content-type'] ?? '')
      .toLowerCase()
      .replace(/\s/g, '');
    const body = type.startsWith('text/event-stream') ? text.trim().split('\n').map(parsed) : parsed(text);
    return { status, type: status === 204 ? '' : type, body };
  };
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

export async function plainSide(
  python: string,
  project: RasaProject,
  { archive, callbackUrl }: { archive: string; callbackUrl: string },
): Promise<Side> {
  const words = ['--auth-token', plainKey, '--jwt-secret', jwtKey];
  const plain = await plainRasa(python, project, archive, {
    words,
    query: `?token=${plainKey}`,
    credentials: `callback:\n  url: ${callbackUrl}\n`,
  });
  return { base: plain.url, key: plainKey, ask: asker(plain.url, plainKey, () => archive), stop: () => plain.stop() };
}

/** A bot of the hub that has learned the project, and its archive as a file. */
async function botWith(
  hub: TestHub,
  project: RasaProject,
): Promise<{ appId: string; activeModel: string; archive: string }> {
  const made = await hub.api('POST', '/bots', { name: 'A', pipeline: 'project' });
  const { appId } = made.body as { appId: string };
  for (const { path, content } of project.files) {
    const written = await hub.api('PUT', `/bots/${appId}/files/${path}`, content, { 'content-type': 'text/plain' });
    assert.equal(written.status, 200, path);
  }
  const job = (await hub.api('POST', `/bots/${appId}/train?wait=true`)).body as { state: string; error: unknown };
  assert.equal(job.state, 'done', JSON.stringify(job.error));
  const { activeModel } = (await hub.api('GET', `/bots/${appId}`)).body as { activeModel: string };
  const archive = join(hub.dataDir, `${activeModel}.tar.gz`);
  const response = await fetch(`${hub.url}/api/v1/bots/${appId}/models/${activeModel}/archive`, {
    headers: { authorization: `Bearer ${hub.app.adminToken}` },
  });
  await writeFile(archive, Buffer.from(await response.arrayBuffer()));
  return { appId, activeModel, archive };
}

export interface FacadeSide extends Side {
  hub: TestHub;
  appId: string;
  archive: string;
}
export async function facadeSide(
  python: string,
  project: RasaProject,
  { callbackUrl }: { callbackUrl: string },
): Promise<FacadeSide> {
  const hub = await newHub({ rasa: { python }, env: { EGRESS_ALLOW: '127.0.0.1' } });
  try {
    const { appId, activeModel, archive } = await botWith(hub, project);
    await hub.api('PUT', `/bots/${appId}/channels/rest`, { jwtKey, callbackUrl });
    const [base, key] = [`${hub.url}/bots/${appId}`, hub.app.adminToken];
    const ask = asker(base, key, () => `models/${activeModel}.tar.gz`);
    return { base, key, hub, appId, archive, ask, stop: () => hub.stop() };
  } catch (error) {
    await hub.stop();
    throw error;
  }
}
