/** After a model went live: when more of its turns fail than its bot's author allows, the bot goes back to the model before by itself. */
import type { Model, StoredMessage, Training } from '../../contracts.js';
import type { Log } from '../../log.js';
import type { Gate } from './gate.js';

export interface ErrorBudget {
  /** A model has gone live through the gate. */
  watch(model: Model): Promise<void>;
  /** A turn has ended. Costs nothing for bots that are not watched. */
  turn(message: Pick<StoredMessage, 'appId' | 'state' | 'intent' | 'turn'>): void;
}
interface Watched {
  modelId: string;
  until: number;
  allowed: { errorPercent: number; turns: number };
  turns: number;
  errors: number;
}

export function createErrorBudget({
  gate,
  training,
  log,
  now = Date.now,
}: {
  gate: Pick<Gate, 'settings' | 'noteRollBack'>;
  training: Pick<Training, 'rollBack'>;
  log: Log;
  now?: () => number;
}): ErrorBudget {
  const bots = new Map<string, Watched>();
  const goBack = async (appId: string, { modelId, turns, errors }: Watched): Promise<void> => {
    const why = `${errors} of its first ${turns} turns failed or were not understood`;
    try {
      await training.rollBack(appId);
      log.warn({ appId, modelId, turns, errors }, 'the bot went back to the model before');
      await gate.noteRollBack(appId, modelId, why);
    } catch (error) {
      log.error({ appId, modelId, err: error }, 'the bot could not go back to the model before');
    }
  };
  return {
    async watch({ appId, id: modelId }) {
      const { rollBack } = await gate.settings(appId);
      bots.delete(appId);
      if (!rollBack) return;
      bots.set(appId, { modelId, until: now() + rollBack.minutes * 60_000, allowed: rollBack, turns: 0, errors: 0 });
    },
    turn({ appId, state, intent, turn }) {
      const watched = bots.get(appId);
      if (!watched || turn?.agent !== undefined) return;
      // A turn that an older model answered says nothing of this one.
      if (turn?.model !== undefined && turn.model !== watched.modelId) return;
      if (now() > watched.until) return void bots.delete(appId);
      watched.turns += 1;
      if (state === 'failed' || intent === 'nlu_fallback') watched.errors += 1;
      const { errorPercent, turns } = watched.allowed;
      const spent = watched.turns >= turns && 100 * watched.errors > errorPercent * watched.turns;
      if (!spent) return;
      bots.delete(appId);
      void goBack(appId, watched);
    },
  };
}
