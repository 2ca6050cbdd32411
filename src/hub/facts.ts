/** What the hub reads in the answer of a bot beside what is to be said. */
import type { TurnFacts, TurnResult } from '../contracts.js';

/** What is kept of a turn: empty things are left out, and so is what no engine said. `node`: the address of the node that answered; `trace`: the id of its trace. */
export function factsOf({
  parse,
  slots = {},
  actions = [],
  model,
  language,
  node,
  trace,
}: TurnResult & Pick<TurnFacts, 'node' | 'trace'>): { turn?: TurnFacts } {
  const entities = parse?.entities ?? [];
  const turn: TurnFacts = {
    ...(entities.length > 0 && { entities }),
    ...(Object.keys(slots).length > 0 && { slots }),
    ...(actions.length > 0 && { actions }),
    ...(model !== undefined && { model }),
    ...(language !== undefined && { language }),
    ...(node !== undefined && { node }),
    ...(trace !== undefined && { trace }),
  };
  return Object.keys(turn).length > 0 ? { turn } : {};
}

/** Does the bot call for a person? By a reply with `custom: {handoff: true}`, or by an action of that name. */
export function asksForPerson({ messages, actions = [] }: TurnResult): boolean {
  const handsOver = (custom: unknown): boolean =>
    typeof custom === 'object' && custom !== null && (custom as { handoff?: unknown }).handoff === true;
  return actions.includes('action_handoff') || messages.some(({ custom }) => handsOver(custom));
}
