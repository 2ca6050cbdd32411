/** The calls of the console about how well a bot does: misses, tests, the gate, findings, figures. */
import type { z } from 'zod';

import type {
  AnalyticsView,
  FoundView,
  GateBody,
  GateReportView,
  ModelWire,
  MissAnswerBody,
  MissesView,
  MissReportView,
  MissView,
  TestRunView,
  TestsBody,
} from '../src/wire';
import { type Asking, botPath, segment } from './asking';

export type MissesWire = z.infer<typeof MissesView>;
export type MissWire = z.infer<typeof MissView>;
export type MissReportWire = z.infer<typeof MissReportView>;
export type MissAnswer = z.input<typeof MissAnswerBody>;
export type TestsWire = z.infer<typeof TestsBody>;
export type TestRunWire = z.infer<typeof TestRunView>;
export type GateWire = z.infer<typeof GateBody>;
export type GateReportWire = z.infer<typeof GateReportView>;
export type FoundWire = z.infer<typeof FoundView>;
export type AnalyticsWire = z.infer<typeof AnalyticsView>;
/** Days, both included; empty: not asked for. */
export interface Span {
  from: string;
  to: string;
  channel: string;
  version: string;
}

const spanQuery = (span: Span): string =>
  Object.entries(span)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${segment(value as string)}`)
    .join('&');

export function qualityCalls({ client, json }: Asking) {
  const misses = (appId: string): string => `${botPath(appId)}/misses`;
  const tests = (appId: string): string => `${botPath(appId)}/tests`;
  const gate = (appId: string): string => `${botPath(appId)}/gate`;
  const analytics = (appId: string): string => `${botPath(appId)}/analytics`;
  return {
    /** `from`: since when, as an ISO time. */
    misses: (appId: string, from: string) => json<MissesWire>('GET', `${misses(appId)}?from=${segment(from)}`),
    answerMiss: (appId: string, clusterId: string, body: MissAnswer) =>
      json<{ pairId: string }>('POST', `${misses(appId)}/${segment(clusterId)}/answer`, { body }),

    tests: (appId: string) => json<TestsWire>('GET', tests(appId)),
    putTests: (appId: string, body: TestsWire) => json<TestsWire>('PUT', tests(appId), { body }),
    testOf: (appId: string, conversation: string) => json<TestsWire>('POST', tests(appId), { body: { conversation } }),
    runTests: (appId: string, modelId: string) =>
      json<TestRunWire>('POST', `${tests(appId)}/run?model=${segment(modelId)}`),

    gate: (appId: string) => json<GateWire>('GET', gate(appId)),
    putGate: (appId: string, body: GateWire) => json<GateWire>('PUT', gate(appId), { body }),
    gateReport: (appId: string, modelId: string) =>
      json<GateReportWire>('GET', `${botPath(appId)}/models/${segment(modelId)}/gate`),
    refuse: (appId: string, modelId: string) =>
      json<ModelWire>('POST', `${botPath(appId)}/models/${segment(modelId)}/refuse`),

    /** `version`: a modelId; null: what a training would take now. */
    findings: (appId: string, version: string | null) =>
      json<FoundWire>('GET', `${botPath(appId)}/findings${version === null ? '' : `?model=${segment(version)}`}`),

    analytics: (appId: string, span: Span) => json<AnalyticsWire>('GET', `${analytics(appId)}?${spanQuery(span)}`),
    analyticsFile: async (appId: string, span: Span) =>
      (await client.call('GET', `${analytics(appId)}?format=csv&${spanQuery(span)}`)).blob(),
  };
}
