/** Routes of what people asked in vain. */
import { z } from 'zod';
import type { FaqPair, Store } from '../contracts.js';
import { HubError } from '../errors.js';
import { MissAnswerBody, MissesQuery, MissesView } from '../wire.js';
import { botOf } from './bots.js';
import { editFaq, pairsOf } from './faq.js';
import { param, type Route, route } from './route.js';

export interface MissRoutesOptions {
  store: Pick<Store, 'bots' | 'faq'>;
  misses: {
    find: (appId: string, from?: string) => Promise<{ clusters: unknown[]; looked: unknown }>;
    cluster: (appId: string, clusterId: string) => Promise<{ texts: { text: string }[] }>;
    answered: (appId: string, by: { clusterId: string; pairId: string; train: boolean; by: string }) => Promise<void>;
    reports: (appId: string) => Promise<unknown[]>;
  };
}

/** So many wordings of people become questions of the pair where its author names none. */
const mostQuestions = 20;
const Answered = z
  .object({ pairId: z.string(), questions: z.array(z.string()), training: z.boolean() })
  .meta({ id: 'MissAnswered', description: 'The pair as it is now; GET misses reports what becomes of it.' });

export function missRoutes({ store, misses }: MissRoutesOptions): Route[] {
  return [
    route({
      method: 'GET',
      path: '/bots/{appId}/misses',
      summary:
        'What people asked in vain, by what they meant, the most frequent first, with the nearest answer there is; and what became of answers given here.',
      access: 'read',
      query: MissesQuery,
      answers: { 200: { description: 'The clusters.', schema: MissesView } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { clusters, looked } = await misses.find(appId, asked.query.from);
        return { body: { items: clusters, next: null, looked, reports: await misses.reports(appId) } };
      },
    }),
    route({
      method: 'POST',
      path: '/bots/{appId}/misses/{clusterId}/answer',
      summary:
        'Answer a cluster: makes a pair, or adds to one. Answers of a few seconds are trained together; then the same turns are asked again.',
      access: 'edit',
      body: { schema: MissAnswerBody },
      answers: { 202: { description: 'The pair; the training follows.', schema: Answered } },
      handle: async (asked) => {
        const { appId } = await botOf(store, asked);
        const { answer, questions, train } = asked.body;
        const clusterId = param(asked, 'clusterId');
        const { texts } = await misses.cluster(appId, clusterId);
        const wordings = questions ?? texts.slice(0, mostQuestions).map(({ text }) => text);
        const [fresh] = pairsOf([{ Q: wordings.map((q) => ({ q })), A: answer ?? '' }]) as [FaqPair];
        const pairId = asked.body.pairId ?? fresh.id;
        let pair = fresh;
        await editFaq(store, { appId }, ({ pairs }) => {
          if (answer !== undefined) return [...pairs, fresh];
          pair = extended(pairs, pairId, wordings);
          return pairs.map((one) => (one.id === pairId ? pair : one));
        });
        await misses.answered(appId, { clusterId, pairId, train, by: asked.caller.principal?.name ?? 'nobody' });
        return { status: 202, body: { pairId, questions: pair.questions, training: train } };
      },
    }),
  ];
}

/** The pair with these questions beside its own. */
function extended(pairs: FaqPair[], id: string, questions: string[]): FaqPair {
  const pair = pairs.find((one) => one.id === id);
  if (!pair) throw new HubError('not_found', `There is no pair ${id} in this FAQ.`);
  return { ...pair, questions: [...new Set([...pair.questions, ...questions])] };
}
