/** Routes of a bot's FAQ: the whole of it as `[{"Q":[{"q":"…"}],"A":"…"}]`, or pair by pair. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Faq, FaqPair, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { FaqBody, listOf, Pair, type PairWire, StoredPair } from '../wire.js';
import { botOf } from './bots.js';
import { type Asked, param, type Reply, type Route, route } from './route.js';

/** An FAQ of thousands of pairs is a few megabytes. */
export const faqLimit = 8_000_000;

const newPairId = (): string => randomBytes(5).toString('hex');
const etag = (version: number): string => `"${version}"`;

/**
 * The payload as pairs; a pair whose questions are all among those of an old pair, or the other way round, keeps that pair's id, and its
 * language where it says none: who does not know of languages changes none.
 */
export function pairsOf(payload: PairWire[], before: FaqPair[] = []): FaqPair[] {
  const known = new Map(before.flatMap((pair) => pair.questions.map((question) => [question, pair] as const)));
  const used = new Set<string>();
  return payload.map(({ Q, A, language }) => {
    const questions = Q.map(({ q }) => q);
    const kept = questions.map((question) => known.get(question)).find((pair) => pair && !used.has(pair.id));
    const id = kept?.id ?? newPairId();
    used.add(id);
    return { id, questions, answer: A, ...spoken(language ?? kept?.language) };
  });
}
const spoken = (language: string | undefined): { language?: string } => (language ? { language } : {});
/** A pair as the payload has it. */
export const wireOf = ({ questions, answer, language }: FaqPair): PairWire => ({
  Q: questions.map((q) => ({ q })),
  A: answer,
  ...spoken(language),
});
const storedOf = (pair: FaqPair): unknown => ({ id: pair.id, ...wireOf(pair) });

/** The version named by If-Match, if any; `*` and an absent header ask for none. */
export function ifVersion(asked: Asked<unknown, unknown>): number | undefined {
  const header = asked.headers['if-match'];
  if (header === undefined || header === '*') return undefined;
  const match = typeof header === 'string' ? /^(?:W\/)?"(\d+)"$/.exec(header.trim()) : null;
  if (!match) throw new HubError('version_conflict', 'If-Match must be the ETag that GET faq answered.');
  return Number(match[1]);
}

/** Changes the FAQ as it is now; another writer in between makes it start over, so no change is lost. `wanted`: only if this is its version. Answers the new version. */
export async function editFaq(
  store: Pick<Store, 'faq'>,
  { appId, wanted }: { appId: string; wanted?: number | undefined },
  change: (faq: Faq) => FaqPair[],
): Promise<number> {
  for (let tries = 0; ; tries += 1) {
    const faq = await store.faq.get(appId);
    if (wanted !== undefined && wanted !== faq.version) {
      throw new HubError(
        'version_conflict',
        `The FAQ is at version ${faq.version}. GET it again, merge, and send it with the new ETag.`,
      );
    }
    try {
      return await store.faq.put(appId, change(faq), faq.version);
    } catch (error) {
      const lost = error instanceof HubError && error.code === 'version_conflict';
      if (!lost || wanted !== undefined || tries > 10) throw error;
    }
  }
}

export function faqRoutes({ store }: { store: Store }): Route[] {
  const edit = async (asked: Asked<unknown, unknown>, change: (faq: Faq) => FaqPair[]): Promise<Reply> => {
    const { appId } = await botOf(store, asked);
    const version = await editFaq(store, { appId, wanted: ifVersion(asked) }, change);
    return { headers: { etag: etag(version) } };
  };
  const indexOf = (faq: Faq, id: string): number => {
    const at = faq.pairs.findIndex((pair) => pair.id === id);
    if (at < 0) throw new HubError('not_found', `There is no pair ${id} in this FAQ.`);
    return at;
  };
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/faq',
      summary: 'The whole FAQ, with its version as ETag.',
      access: 'read',
      answers: { 200: { description: 'The FAQ payload.', schema: FaqBody } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const faq = await store.faq.get(appId);
        return { headers: { etag: etag(faq.version) }, body: faq.pairs.map(wireOf) };
      },
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/faq',
      summary:
        'Replace the whole FAQ: all of it or, when anything does not fit, nothing. If-Match guards against overwriting.',
      access: 'edit',
      body: { schema: FaqBody, limit: faqLimit },
      answers: {
        200: {
          description: 'How many pairs and questions it has now.',
          schema: z.object({ pairs: z.number(), questions: z.number() }),
        },
      },
      handle: async (asked) => {
        const reply = await edit(asked, (faq) => pairsOf(asked.body, faq.pairs));
        return {
          ...reply,
          body: { pairs: asked.body.length, questions: asked.body.reduce((sum, pair) => sum + pair.Q.length, 0) },
        };
      },
    }),
    route({
      method: 'GET',
      path: '/bots/{appId}/faq/pairs',
      summary: 'All pairs with their ids.',
      access: 'read',
      answers: { 200: { description: 'The pairs.', schema: listOf(StoredPair) } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const faq = await store.faq.get(appId);
        return { headers: { etag: etag(faq.version) }, body: { items: faq.pairs.map(storedOf), next: null } };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/faq/pairs',
      summary: 'Add one pair at the end.',
      access: 'edit',
      body: { schema: Pair },
      answers: { 201: { description: 'The pair with its id.', schema: StoredPair } },
      handle: async (asked) => {
        const [pair] = pairsOf([asked.body]) as [FaqPair];
        const reply = await edit(asked, (faq) => [...faq.pairs, pair]);
        return { ...reply, status: 201, body: storedOf(pair) };
      },
    }),
    route({
      method: 'PUT',
      path: '/bots/{appId}/faq/pairs/{pairId}',
      summary: 'Replace one pair.',
      access: 'edit',
      body: { schema: Pair },
      answers: { 200: { description: 'The pair.', schema: StoredPair } },
      handle: async (asked) => {
        const id = param(asked, 'pairId');
        const [fresh] = pairsOf([asked.body]) as [FaqPair];
        let pair = { ...fresh, id };
        const reply = await edit(asked, (faq) => {
          const at = indexOf(faq, id);
          pair = { ...spoken(faq.pairs[at]?.language), ...pair };
          return faq.pairs.with(at, pair);
        });
        return { ...reply, body: storedOf(pair) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/bots/{appId}/faq/pairs/{pairId}',
      summary: 'Remove one pair.',
      access: 'edit',
      answers: { 204: { description: 'It is gone.' } },
      handle: async (asked) => {
        const reply = await edit(asked, (faq) => faq.pairs.toSpliced(indexOf(faq, param(asked, 'pairId')), 1));
        return { ...reply, status: 204 };
      },
    }),
  ];
}
