/** How a training says what went wrong, and what the job shows of anything else that was thrown. */
import type { JobError } from '../contracts.js';
import { HubError } from '../errors.js';

/**
 * What a job handler throws when the training failed for a reason its author can act on. `message`: one sentence with the remedy;
 * `detail`: Rasa's own words. All three are shown to the author, so none may hold a secret.
 */
export class TrainingFailure extends Error {
  override readonly name = 'TrainingFailure';
  constructor(
    readonly code: string,
    message: string,
    readonly detail?: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
  }
}

/** What the job shows for `thrown`: a TrainingFailure or HubError says it itself, the rest stays in the log behind a bland sentence. */
export function jobErrorOf(thrown: unknown): JobError {
  if (thrown instanceof TrainingFailure) {
    const { code, message, detail } = thrown;
    return detail === undefined ? { code, message } : { code, message, detail };
  }
  if (thrown instanceof HubError) return { code: thrown.code, message: thrown.message };
  return { code: 'internal', message: 'The training broke for a reason inside the hub; its log has it. Train again.' };
}
