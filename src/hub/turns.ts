/** One turn: the bot is woken and asked, once. What broke is tried again only when the bot's own tracker shows that it did not happen. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineName, Engines, StoredMessage, Turn, TurnResult } from '../contracts.js';
import { within } from '../deadline.js';
import { type HubError, hubErrorOf } from '../errors.js';
import { eventKey, happenedIn } from '../happened.js';
import type { Log } from '../log.js';
import { type Trace, traceIdOf } from '../trace.js';
import { untilStored } from '../stored.js';
import { traceOf, untraced } from './traced.js';

export interface Answer extends TurnResult {
  engine: EngineName;
  /** Address of the node that answered; absent: this machine. */
  node?: string;
  /** Id of its trace. */
  trace: string;
}
export interface TurnsOptions {
  engines: Pick<Engines, 'use'>;
  /** Rejects while the store can't be written: a turn that failed meanwhile is not the bot's fault. */
  ping: () => Promise<void>;
  /** Resolves when no training of the bot waits or runs. */
  trained: (appId: string) => Promise<void>;
  log: Log;
  /** Throws `stopping` when the conversation is another hub's by now; absent: this is the only one. */
  check?: ((message: StoredMessage) => void) | undefined;
  /** Aborts when the hub gives up waiting for its store. */
  closing: AbortSignal;
}
/** What a turn knows beforehand, and tells meanwhile. */
export interface TurnContext {
  /** It may have happened already, in an earlier run of the hub. */
  recovered: boolean;
  /** Called when the message waits for the bot's first training, and when that has ended. */
  learning: (now: boolean) => void;
}
export type TakeTurn = (message: StoredMessage, context: TurnContext) => Promise<Answer>;

/** A message that breaks its bot is tried once more, then given up, so that the conversation goes on (RELIABILITY.md F19). */
export const maxTries = 2;
/** Nodes that are lost are not the message's fault; one that loses many of them is given up all the same. */
const maxLost = 4;
/** Between tries of a turn that a store failed which says that it is there. */
const storePauseMs = 100;
/** How long a message waits for the bot's first training. */
const learningLimitMs = 10 * 60_000;

/** The way to take turns. It rejects with the HubError that ended the turn; `stopping` when the turn is still to be taken, after a restart. */
export function createTurns(options: TurnsOptions): TakeTurn {
  const { engines, ping, trained, check, log, closing } = options;

  const once = (message: StoredMessage, trace: Trace, suspect: boolean): Promise<Answer> =>
    engines.use(message.appId, async (running) => {
      const turn = { ...turnOf(message), trace };
      const events = suspect ? await running.tracker?.(turn.sender) : null;
      const done = happenedIn(events ?? [], turn);
      check?.(message);
      const { engine, node } = running;
      const answer = done ?? (await running.reply(turn));
      return { ...answer, engine, ...(node !== undefined && { node }), trace: traceIdOf(trace) };
    });

  const storeAnswers = async (): Promise<boolean> => {
    try {
      await ping();
      return true;
    } catch {
      return false;
    }
  };

  /** Was it the store that failed the turn? Then waits for it. It may be back when it is asked, and away again for the next try. */
  const storeFailed = async (failure: HubError): Promise<boolean> => {
    const said = failure.code === 'store_unavailable';
    if (!said && (await storeAnswers())) return false;
    // An aborted wait asks once more and is done when the store answers: then this would go round for ever.
    if (said && closing.aborted) throw failure;
    if (said) await sleep(storePauseMs);
    await untilStored(ping, closing);
    return true;
  };

  return async (message, { recovered, learning }) => {
    let waited = false;
    let lost = 0;
    const { appId, id: messageId } = message;
    const trace = traceOf(message);
    const facts = { appId, messageId, trace: traceIdOf(trace) };
    const started = performance.now();
    for (let tries = 1, suspect = recovered; ; suspect = true) {
      try {
        const answer = await once(message, trace, suspect);
        log.debug({ ...facts, node: answer.node, ms: Math.round(performance.now() - started) }, 'a turn was taken');
        return answer;
      } catch (error) {
        const failure = hubErrorOf(error);
        if (failure.code === 'stopping') throw failure;
        log.warn({ ...facts, tries, err: failure }, 'a turn failed');
        if (failure.code === 'no_model' && !waited) {
          waited = true;
          learning(true);
          await within(trained(appId), learningLimitMs);
          learning(false);
        } else if (failure.code === 'node_lost' && lost < maxLost) {
          lost += 1;
        } else if (!(await storeFailed(failure))) {
          if (failure.code !== 'turn_failed' || tries >= maxTries) throw failure;
          tries += 1;
        }
      }
    }
  };
}

function turnOf(message: StoredMessage): Turn {
  const { conversation: sender, text, payload } = message;
  const { switchboard_channel: told, ...metadata } = untraced(message.metadata);
  const channel = message.channel === 'rest' && typeof told === 'string' ? told : message.channel;
  return { sender, text, payload, channel, metadata: { ...metadata, [eventKey]: message.id } };
}
