/** Which trainer may take which job: what trainers have and what jobs need, as labels. Pure. */
import type { TrainingContent } from '../contracts.js';

const language = 'language-';

/** What a trainer has. */
export interface Abilities {
  /** Its training process lists a CUDA device. */
  cuda: boolean;
  /** The version of its default Rasa; null: it has none, or nobody asked. */
  rasa: string | null;
  /** Names of its other Rasa installations (RASA_RUNTIMES). */
  runtimes: readonly string[];
  /** Languages that it is kept for (TRAINER_LANGUAGES); null: all. */
  languages: readonly string[] | null;
}

/** The labels that a trainer shows. One without a `language-` label takes every language. */
export function labelsOf({ cuda, rasa, runtimes, languages }: Abilities): string[] {
  return [
    ...(cuda ? ['gpu'] : []),
    ...(rasa === null ? [] : [`rasa-${rasa}`]),
    ...runtimes.map((name) => `runtime-${name}`),
    ...(languages ?? []).map((tag) => language + tag),
  ];
}

/** What a job asks of its trainer: the Rasa that is to load its model (`rasa`: the hub's version, null when it has none), and its language. */
export function needsOf({ runtime, language: tag }: TrainingContent['bot'], rasa: string | null): string[] {
  const installation = runtime ? [`runtime-${runtime}`] : rasa === null ? [] : [`rasa-${rasa}`];
  return [...installation, language + tag.toLowerCase().replace(/-.*$/, '')];
}

/** The needs that a trainer with these labels does not meet; none: it may take the job. */
export function unmet(needs: readonly string[], labels: readonly string[]): string[] {
  const choosy = labels.some((label) => label.startsWith(language));
  return needs.filter((need) => !labels.includes(need) && (choosy || !need.startsWith(language)));
}
