/** What leaves the hub: stored records as the API shows them. */
import type { Bot, BotStatus, Model, TrainingJob } from '../contracts.js';
import type { BotWire, JobWire, ModelWire } from '../wire.js';

/** `standing`: where it waits, for those that do. */
export function presentJob(
  job: TrainingJob,
  standing: { position: number; startsIn: number | null } | null = null,
): JobWire {
  const { id, content: _, fence: __, error, ...rest } = job;
  const shown = error
    ? { code: error.code, message: error.message, ...(error.detail === undefined ? {} : { detail: error.detail }) }
    : null;
  const { position = null, startsIn = null } = standing ?? {};
  return { jobId: id, by: null, ...rest, error: shown, position, startsIn };
}

export function presentBot(
  bot: Bot,
  facts: { status: BotStatus; job: TrainingJob | null; publicUrl: string },
): BotWire {
  const trainingJob = facts.job ? presentJob(facts.job) : null;
  return {
    ...bot,
    options: bot.options ?? {},
    remoteAuth: typeof bot.remoteAuth === 'string',
    ...facts.status,
    trainingJob,
    chatUrl: `${facts.publicUrl}/bots/${bot.appId}/chat`,
  };
}

/** Of a model that an older release made. */
const unknown = { by: null, rasa: null, label: null, scores: null };

export function presentModel(model: Model, active: boolean): ModelWire {
  const { id, archive: _, content: __, about, ...rest } = model;
  return { modelId: id, active, ...rest, ...(about ?? unknown) };
}
