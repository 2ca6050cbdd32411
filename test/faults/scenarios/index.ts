/** All scenarios, in the catalogue's order. */
import type { Scenario } from '../rig.js';
import { clientScenarios } from './clients.js';
import { crashScenarios } from './crash.js';
import { deliveryScenarios } from './delivery.js';
import { engineScenarios } from './engines.js';
import { memoryScenarios } from './memory.js';
import { realScenarios } from './real.js';
import { replicaScenarios } from './replicas.js';
import { storeScenarios } from './store.js';
import { streamScenarios } from './stream.js';
import { trainingScenarios } from './training.js';

const number = ({ id }: Scenario): number => Number(id.slice(1));

export const scenarios: Scenario[] = [
  ...crashScenarios,
  ...engineScenarios,
  ...memoryScenarios,
  ...storeScenarios,
  ...deliveryScenarios,
  ...clientScenarios,
  ...realScenarios,
  ...trainingScenarios,
  ...streamScenarios,
  ...replicaScenarios,
].sort((a, b) => number(a) - number(b));
