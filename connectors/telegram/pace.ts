/** Telegram takes twenty posts a minute into one group, less than into a direct conversation; groups have negative ids. */

export interface GroupPace {
  /** Milliseconds until the next post may go; 0: now. */
  waitMs(chatId: number): number;
  /** A post went out. */
  posted(chatId: number): void;
}

const most = 20;
const windowMs = 60_000;

/** `now` in milliseconds, of a clock that is not set. */
export function createGroupPace(now: () => number = () => performance.now()): GroupPace {
  const groups = new Map<number, number[]>();
  const recent = (chatId: number): number[] => (groups.get(chatId) ?? []).filter((at) => at > now() - windowMs);
  return {
    waitMs(chatId) {
      const posts = recent(chatId);
      const first = posts.at(-most);
      return first === undefined ? 0 : Math.ceil(first + windowMs - now());
    },
    posted(chatId) {
      if (chatId >= 0) return;
      groups.set(chatId, [...recent(chatId), now()]);
      for (const [id] of groups) if (recent(id).length === 0) groups.delete(id);
    },
  };
}
