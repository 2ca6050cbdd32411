/** What a model says when nobody listens: conversations played to a spare process of it, at the lowest priority, that keeps nothing and does nothing. */
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BotMessage, Engines, RunningEngine } from '../../contracts.js';
import { HubError } from '../../errors.js';

/** What a person says. */
export interface Line {
  text: string;
  payload?: boolean;
}
/** What the model makes of it. */
export interface Heard {
  /** Its words, without who and when. */
  said: Omit<BotMessage, 'recipient_id' | 'metadata'>[];
  intent: string | null;
  /** It broke. */
  failed: boolean;
}
export interface Rehearsed {
  appId: string;
  modelId: string;
  /** Does it answer a text the same whatever was said before? Then each text is asked once. */
  memoryless: boolean;
}

/** Chats go first. */
const niceness = 15;

/** Plays each of `talks` as a conversation of its own. Rejects as `Engines.apart` does, and with the signal's reason. */
export function rehearse(
  engines: Pick<Engines, 'apart'>,
  { appId, modelId, memoryless }: Rehearsed,
  { talks, signal }: { talks: readonly Line[][]; signal: AbortSignal },
): Promise<Heard[][]> {
  const known = new Map<string, Heard>();
  const work = async (running: RunningEngine): Promise<Heard[][]> => {
    if (running.pid !== null) stepBack(running.pid);
    const heard: Heard[][] = [];
    for (const [number, talk] of talks.entries()) {
      const answers: Heard[] = [];
      for (const line of talk) {
        signal.throwIfAborted();
        const answer =
          (memoryless && known.get(keyOf(line))) || (await unhurried(() => ask(running, `rehearsal ${number}`, line)));
        known.set(keyOf(line), answer);
        answers.push(answer);
      }
      heard.push(answers);
    }
    return heard;
  };
  return engines.apart(appId, modelId, work, { rehearsal: true });
}

/** Does `work`, and rests as long as that took: at the lowest priority too it takes caches and the hub's own time from chats. */
async function unhurried<T>(work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const done = await work();
  await sleep(performance.now() - began);
  return done;
}

const keyOf = ({ text, payload = false }: Line): string => `${String(payload)} ${text}`;

function stepBack(pid: number): void {
  try {
    setPriority(pid, niceness);
  } catch {
    // It has gone, or may not be touched: the rehearsal shows the one, the other costs a little.
  }
}

async function ask(running: RunningEngine, sender: string, { text, payload = false }: Line): Promise<Heard> {
  try {
    const { messages, parse } = await running.reply({ sender, text, payload, channel: 'rest', metadata: {} });
    const intent = parse?.intent.full_retrieval_intent_name ?? parse?.intent.name ?? null;
    const said = messages.map(({ recipient_id: _who, metadata: _metadata, ...words }) => words);
    return { said, intent, failed: false };
  } catch (error) {
    if (error instanceof HubError && error.code === 'turn_failed') return { said: [], intent: null, failed: true };
    throw error;
  }
}

/** An answer in one text, for people who compare. */
export function wordsOf({ said, failed }: Heard): string {
  if (failed) return '(the bot broke)';
  return said.map(({ text, image, ...rest }) => text ?? image ?? JSON.stringify(rest)).join('\n');
}
