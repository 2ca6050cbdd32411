/** What the benches that measure the hub's own path put into the place of Rasa: bots that are trained already and answer at once. */
import { join } from 'node:path';
import type { Engine, Exit, RunningEngine } from '../../src/contracts.js';
import { openStore } from '../../src/stores/index.js';
import { openModelShelf } from '../../src/training/models.js';

/** A bot that answers at once: what is measured is the way to it and back. */
function echo(): RunningEngine {
  let gone: (exit: Exit) => void = () => undefined;
  const exited = new Promise<Exit>((resolve) => (gone = resolve));
  const parseOf = (text: string) => ({ text, intent: { name: 'echo', confidence: 1 }, entities: [] });
  return {
    engine: 'rasa',
    pid: null,
    exited,
    reply: ({ sender, text }) =>
      Promise.resolve({ messages: [{ recipient_id: sender, text: `echo ${text}` }], parse: parseOf(text) }),
    parse: (text) => Promise.resolve(parseOf(text)),
    stop: () => Promise.resolve(gone({ code: 0, signal: null })),
    log: () => [],
  };
}
/** Launches such bots. */
export const echoEngine: Engine = { name: 'rasa', needsModel: true, launch: () => Promise.resolve(echo()) };

/** Trained bots, put into the store of a data folder that no hub has open. */
export async function seedBots(
  databaseUrl: string,
  { dataDir, appIds }: { dataDir: string; appIds: string[] },
): Promise<void> {
  const store = await openStore(databaseUrl);
  const { digest } = await (await openModelShelf(join(dataDir, 'models'))).putText('bench');
  const now = new Date().toISOString();
  const kind = { language: 'en', template: 'faq', pipeline: 'semantic', engine: 'rasa' } as const;
  const choices = { remoteUrl: null, threshold: null, activeModel: 'm', runtime: null, lateAnswers: 'send' } as const;
  const instances = { min: 0, max: 1 };
  const made = { jobId: 'j', bytes: 5, trainSeconds: 0, createdAt: now };
  const files = { archive: digest, content: digest };
  for (const appId of appIds) {
    await store.bots.create({ appId, name: 'Bench', ...kind, ...choices, instances, createdAt: now, updatedAt: now });
    await store.models.add({ id: `m-${appId}`, appId, engine: 'rasa', pipeline: 'semantic', ...files, ...made });
    await store.bots.update(appId, { activeModel: `m-${appId}` });
  }
  await store.settings.set('demo', 'none');
  await store.close();
}
