/** One place where bots run, as the cluster sees it: this hub's own pool, or a node at the other end of a line. */
import type { Bot, BotStatus, Engines, LogLine, PoolUsage } from '../../contracts.js';
import type { Host } from './placement.js';

/** What decides where a bot may run. */
export type BotPlace = Pick<Bot, 'appId' | 'engine' | 'runtime'>;
/** What the cluster asks of it; the same words as its own. */
export type MemberEngines = Pick<
  Engines,
  'use' | 'apart' | 'swap' | 'park' | 'restart' | 'register' | 'forget' | 'status'
>;
export interface Member extends Host {
  /** Null: this hub itself. */
  readonly address: string | null;
  readonly engines: MemberEngines;
  /** Takes bots; else it only finishes what it has. */
  readonly taking: boolean;
  /** `own`: it is there for few bots, and this is one of them; such a bot goes nowhere else while it can go there. */
  admits(bot: BotPlace): 'own' | 'any' | null;
  usage(): PoolUsage | null;
  /** Resolves when no other hub switches the bot there, and none will until the answer is called. Absent: no other hub has bots there. */
  hold?(appId: string): Promise<() => void>;
  /** Lines of its bots' logs, from now on. Absent: they are fetched. */
  onLine?(listener: (appId: string, line: Omit<LogLine, 'number'>) => void): void;
  /** Something changed that matters for where bots go. */
  onChange?(listener: () => void): void;
}

export const asleep: BotStatus = { state: 'asleep', engineInUse: null, pids: [], memory: null, reason: null };

/** What a machine can carry: a core for every 2 GB that its bots may use, or what it has less of. */
export const weightOf = ({ cores, memoryBudget }: { cores: number; memoryBudget: number }): number =>
  Math.max(0.1, Math.min(cores, memoryBudget / 2 ** 31));
