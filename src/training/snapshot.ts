/** What a bot is trained from: the content as it stands when somebody asks for a training. */
import type { Bot, Store, TrainingContent } from '../contracts.js';

/** What the bot would be trained from now. */
export async function contentOf(
  store: Pick<Store, 'faq' | 'files'>,
  bot: Bot,
  yaml: string | null,
): Promise<TrainingContent> {
  const { appId, name, language, template, pipeline, threshold, runtime, options } = bot;
  const [faq, files] = await Promise.all([store.faq.get(appId), store.files.read(appId)]);
  const facts = {
    appId,
    name,
    language,
    template,
    pipeline,
    threshold,
    ...(runtime === null ? {} : { runtime }),
    ...(options && { options }),
  };
  return { bot: facts, pairs: faq.pairs, files, yaml };
}

/** The request's YAML as a project of its own. */
export const aloneOf = ({ bot, yaml }: TrainingContent): TrainingContent => ({
  bot: { ...bot, pipeline: 'project' },
  pairs: [],
  files: [],
  yaml,
  apart: true,
});

/** Why a hub that runs no Python of bots does not touch this project; null when it brings none. Files may be older than the operator's word on them. */
export function codeRefusal({ bot, files }: TrainingContent): string | null {
  const code = bot.pipeline === 'project' ? files.find(({ path }) => path.endsWith('.py')) : undefined;
  if (!code) return null;
  return `The project brings Python (${code.path}), which this hub does not run. Whoever runs the hub can allow it (CUSTOM_CODE=on); or remove the file.`;
}
