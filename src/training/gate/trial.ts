/** Talks to any version of a bot, in a spare process that keeps nothing and runs no actions. */
import type { BotMessage, EngineName, Engines, Parse } from '../../contracts.js';
import type { Rehearsed } from './rehearsal.js';

export interface Trial {
  /** Its answer to the last text. */
  messages: BotMessage[];
  parse: Parse;
  engine: EngineName;
  /** From the last text to its answer; the start of the process does not count. */
  ms: number;
}
interface Talk {
  /** All that the person said so far: the version has heard none of it. */
  texts: readonly string[];
  language?: string | undefined;
}

/** Rejects as `Engines.apart` does, and with `turn_failed` where the version breaks. */
export function tried(
  engines: Pick<Engines, 'apart'>,
  { appId, modelId, memoryless }: Rehearsed,
  { texts, language }: Talk,
): Promise<Trial> {
  return engines.apart(
    appId,
    modelId,
    async (running) => {
      const metadata = language === undefined ? {} : { language };
      const say = (text: string) =>
        running.reply({ sender: 'trial', text, payload: text.startsWith('/'), channel: 'rest', metadata });
      const last = texts.at(-1) ?? '';
      for (const text of memoryless ? [] : texts.slice(0, -1)) await say(text);
      const started = performance.now();
      const { messages } = await say(last);
      const ms = Math.round(performance.now() - started);
      return { messages, parse: await running.parse(last, language), engine: running.engine, ms };
    },
    { rehearsal: true },
  );
}
