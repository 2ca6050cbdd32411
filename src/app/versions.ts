/** Wires the comparison of two versions of a bot. */
import { readFile } from 'node:fs/promises';
import type { Model, TrainingContent } from '../contracts.js';
import { HubError } from '../errors.js';
import type { EvaluateRoutesOptions } from '../http/evaluate.js';
import type { ModelRoutesOptions } from '../http/models.js';
import { answerDiff, answersIn, contentDiff, questionsOf } from '../training/versions.js';
import type { Parts } from './parts.js';

/** What a model was made from. */
export async function contentOfModel({ shelf }: Pick<Parts, 'shelf'>, model: Model): Promise<TrainingContent> {
  return JSON.parse(await readFile(await shelf.fetch(model.content), 'utf8')) as TrainingContent;
}

/** `rasa`: asks models; null on a machine without. */
export function diffOf(parts: Pick<Parts, 'shelf'>, rasa: EvaluateRoutesOptions['rasa']): ModelRoutesOptions['diff'] {
  return async ({ bot, from, to, answers }, gone) => {
    const [before, after] = [await contentOfModel(parts, from), await contentOfModel(parts, to)];
    const content = contentDiff(before, after);
    const questions = answers ? questionsOf(before, after) : null;
    if (!questions) return { ...content, answers: null };
    if (!rasa || !from.archive || !to.archive)
      throw new HubError('wake_failed', 'Only models that Rasa trained can be asked, and only where there is a Rasa.');
    const ask = async (model: Model, made: TrainingContent): Promise<Map<string, string | null>> => {
      const { nlu } = await rasa.evaluate({ bot, model, yaml: questions.yaml, endToEnd: false }, gone);
      return answersIn(nlu, made);
    };
    const [old, fresh] = [await ask(from, before), await ask(to, after)];
    return { ...content, answers: { asked: questions.asked, changed: answerDiff(old, fresh) } };
  };
}
