/** The OpenAPI 3.1 document, from the route rows and their schemas, and a page that shows it. */
import { z } from 'zod';
import { Problem } from '../wire.js';
import type { Answer, Route } from './route.js';

/** JSON Schema of a zod schema; named ones (`meta({id})`) become references into components. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', components: Record<string, unknown>): unknown {
  const { $schema: _, $defs = {}, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  Object.assign(components, inComponents($defs));
  return inComponents(rest);
}

const inComponents = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('#/$defs/', '#/components/schemas/')) as object;

function parametersOf(row: Route, components: Record<string, unknown>): unknown[] {
  const inPath = [...row.path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  if (!row.query) return inPath;
  const { properties = {} } = schemaOf(row.query, 'input', components) as { properties?: Record<string, unknown> };
  return [
    ...inPath,
    ...Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
  ];
}

function responseOf(answer: Answer, components: Record<string, unknown>): unknown {
  const { description, schema, type } = answer;
  if (!schema && !type) return { description };
  const shape = schema ? { schema: schemaOf(schema, 'output', components) } : {};
  const types = [type ?? 'application/json'].flat();
  return { description, content: Object.fromEntries(types.map((one) => [one, shape])) };
}

function contentOf(body: Route['body'], components: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries([
    ['application/json', body ? { schema: schemaOf(body.schema, 'input', components) } : {}],
    ...(body?.types ?? []).map((type) => [type, { schema: { type: 'string' } }] as const),
  ]);
}

/** Bytes; a form has them in its field `file`. */
function rawContent(types: string[] = ['application/octet-stream']): Record<string, unknown> {
  const bytes = { type: 'string', format: 'binary' };
  const form = { type: 'object', required: ['file'], properties: { file: bytes } };
  return Object.fromEntries(types.map((type) => [type, { schema: type.startsWith('multipart/') ? form : bytes }]));
}

/** For generated clients: `getBotsByAppIdFaq`. */
const idOf = ({ method, path }: Route): string =>
  path.split('/').reduce((name, step) => {
    const [, parameter] = /^\{(\w+)\}$/.exec(step) ?? [];
    const word = parameter ?? step.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase());
    return `${name}${parameter ? 'By' : ''}${word.charAt(0).toUpperCase()}${word.slice(1)}`;
  }, method.toLowerCase());

const problem: Answer = {
  description: 'A problem; `code` says which.',
  schema: Problem,
  type: 'application/problem+json',
};

function operationOf(row: Route, components: Record<string, unknown>): unknown {
  const otherwise = responseOf(row.otherwise ?? problem, components);
  const responses = Object.fromEntries(
    Object.entries(row.answers).map(([status, answer]) => [status, responseOf(answer, components)]),
  );
  const content = row.body?.raw ? rawContent(row.body.types) : contentOf(row.body, components);
  return {
    operationId: idOf(row),
    summary: row.summary,
    parameters: parametersOf(row, components),
    ...(row.body ? { requestBody: { required: !row.body.optional, content } } : {}),
    responses: { ...responses, '4XX': otherwise, default: otherwise },
    security: row.access !== 'public' ? [{ token: [] }] : [],
  };
}

/** `rows` with their full paths. */
export function openApiOf(rows: Route[]): object {
  const components: Record<string, unknown> = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const row of rows) (paths[row.path] ??= {})[row.method.toLowerCase()] = operationOf(row, components);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Switchboard',
      version: '1',
      description: 'A hub that puts many Rasa bots behind every chat channel.',
    },
    paths,
    components: { schemas: components, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
}
