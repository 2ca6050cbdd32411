/** Which bots a node has met, and which models they run. */
import type { Engine } from '../../contracts.js';

export interface Residents {
  /** A hub asked for this bot. */
  meet(appId: string): void;
  /** Nothing of it is left to be told. */
  leave(appId: string): void;
  has(appId: string): boolean;
  known(): Iterable<string>;
  /** The models of its processes, each once. */
  modelsOf(appId: string): string[];
  /** The engine as it is, but for the note of what it launches. */
  watched(engine: Engine): Engine;
}

export function createResidents(): Residents {
  const known = new Set<string>();
  const running = new Map<string, string[]>();
  const change = (appId: string, models: string[]): void => {
    if (models.length > 0) running.set(appId, models);
    else running.delete(appId);
  };
  return {
    meet: (appId) => void known.add(appId),
    leave: (appId) => void known.delete(appId),
    has: (appId) => known.has(appId),
    known: () => known,
    modelsOf: (appId) => [...new Set(running.get(appId))].sort(),
    watched: (engine) => ({
      ...engine,
      async launch(bot, model, how) {
        const launched = await engine.launch(bot, model, how);
        const id = model?.id;
        if (id === undefined) return launched;
        const { appId } = bot;
        known.add(appId);
        change(appId, [...(running.get(appId) ?? []), id]);
        void launched.exited.then(() => {
          const now = [...(running.get(appId) ?? [])];
          now.splice(now.indexOf(id), 1);
          change(appId, now);
        });
        return launched;
      },
    }),
  };
}
