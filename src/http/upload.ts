/** A file that was sent: as a form with a field `file` (browsers, `curl -F`), or as the body itself. The only importer of @fastify/busboy. */
import { Busboy } from '@fastify/busboy';
import { HubError } from '../errors.js';
import type { Asked } from './route.js';

export interface Upload {
  bytes: Buffer;
  /** As its sender calls it; empty when nobody said. */
  name: string;
  /** Other fields of the form. */
  fields: Record<string, string>;
}

/** A form has one file and a few words beside it. */
const formLimits = { files: 1, fields: 20, fieldSize: 10_000, parts: 21 };

/** For the row of a route that takes one; `types` are what a body may be that is no form. */
export const uploadTypes = (...types: string[]): string[] => ['multipart/form-data', ...types];

/** Rejects with `invalid` when a form has no field `file`, with `bad_json` when it is none. */
export async function uploadOf(asked: Asked<Buffer, unknown>): Promise<Upload> {
  const header = asked.headers['content-type'];
  const type = typeof header === 'string' ? header : '';
  if (!/^multipart\/form-data\b/i.test(type)) return { bytes: asked.body, name: '', fields: {} };
  const upload = await formOf(asked.body, type).catch((error: unknown) => {
    const detail = 'The form cannot be read: send multipart/form-data with its boundary.';
    throw new HubError('bad_json', detail, { cause: error });
  });
  if (upload) return upload;
  const detail = 'the form needs a field "file" with the file itself: curl -F file=@project.zip';
  throw new HubError('invalid', `No file came: ${detail}.`, { errors: [{ pointer: '/file', detail }] });
}

/** Null for a form without a file. Rejects for what is no form. */
function formOf(body: Buffer, type: string): Promise<Upload | null> {
  return new Promise((resolve, reject) => {
    const form = new Busboy({ headers: { 'content-type': type }, limits: formLimits });
    const fields: [string, string][] = [];
    const found: { name: string; pieces: Buffer[] }[] = [];
    form.on('file', (field, stream, name) => {
      const taken = { name, pieces: [] as Buffer[] };
      if (field === 'file') found.push(taken);
      stream.on('data', (piece: Buffer) => void taken.pieces.push(piece));
    });
    form.on('field', (name, value) => void fields.push([name, value]));
    form.on('error', reject);
    form.on('finish', () => {
      const [file] = found;
      resolve(file ? { bytes: Buffer.concat(file.pieces), name: file.name, fields: Object.fromEntries(fields) } : null);
    });
    form.end(body);
  });
}
