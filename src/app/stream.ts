/** Wires the event stream: subscriptions, EVENTS_URL, and the events of bots that run elsewhere (INGEST_URL). */
import type { ConversationNews } from '../contracts.js';
import { kafkaPlaceOf } from '../kafka-url.js';
import type { Metrics } from '../metrics.js';
import type { Seal } from '../seal.js';
import { openIngest } from '../stream/ingest.js';
import { createSubscriptions, type Subscriptions } from '../stream/subscriptions.js';
import type { Parts } from './parts.js';

interface StreamNeeds {
  seal: Seal;
  metrics: Metrics;
  news: ConversationNews;
}

export function openStream(parts: Parts, { seal, metrics, news }: StreamNeeds): Subscriptions {
  const { store, egress, life, log, options, replicas } = parts;
  const { eventsUrl: url, eventsSecret: secret, ingestUrl } = options.config;
  const hide = (text: string): void => options.logs.hide(text);
  for (const one of [url, ingestUrl]) {
    const password = one === null ? undefined : kafkaPlaceOf(one, ['group', 'appId'])?.sasl?.password;
    if (password) hide(password);
  }
  if (secret !== null) hide(secret);
  const subscriptions = createSubscriptions({
    ...{ store, seal, egress, log, hide },
    setting: url === null ? null : { url, secret },
    onSent: (sent) => metrics.streamed(sent),
    ...(options.standIns?.stream && { paces: options.standIns.stream }),
    among: replicas?.streaming(() => subscriptions.look()),
  });
  news.watch(() => subscriptions.wake());
  life.onStop('event stream', () => subscriptions.stop());
  if (ingestUrl !== null) ingestFrom(parts, { url: ingestUrl, metrics });
  return subscriptions;
}

function ingestFrom({ store, life, log }: Parts, { url, metrics }: { url: string; metrics: Metrics }): void {
  const place = kafkaPlaceOf(url, ['group', 'appId']);
  if (!place) return;
  const ingest = openIngest({
    store,
    open: async () => (await import('../stream/kafka.js')).openReading(place, place.more['group'] ?? 'switchboard'),
    appId: place.more['appId'] ?? null,
    log,
    onEvent: (result) => metrics.ingested(result),
  });
  life.onStop('ingest', () => ingest.stop());
}
