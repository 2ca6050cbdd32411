/** Wires the gate that new models pass, and the way back from one that does badly. */
import type { Engines, Model, Training } from '../contracts.js';
import { createErrorBudget, type ErrorBudget } from '../training/gate/budget.js';
import { createGate, type Gate } from '../training/gate/gate.js';
import type { TrainingOptions } from '../training/training.js';
import type { Parts } from './parts.js';

export interface GateParts {
  gate: Gate;
  /** What the training asks of it. */
  forTraining: Required<Pick<TrainingOptions, 'judgeModel' | 'onPromoted'>>;
  /** Watches models that went live, once there is a training that can go back. */
  openBudget(training: Training): ErrorBudget;
}

export function openGateOf({ store, log }: Parts, engines: Engines): GateParts {
  const gate = createGate({ store, engines });
  let budget: ErrorBudget | undefined;
  return {
    gate,
    forTraining: {
      judgeModel: (model, against, signal) => gate.judge(model, against, signal),
      onPromoted: async (model: Model) => budget?.watch(model),
    },
    openBudget: (training) => (budget = createErrorBudget({ gate, training, log })),
  };
}
