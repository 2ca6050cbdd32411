/** Questions put to a server at a rate of one's choosing, and how long each waited. */

/** Asks one question of one conversation; rejects when no answer comes. */
export type Ask = (sender: string, text: string) => Promise<unknown>;
export interface Waits {
  p50: number;
  max: number;
}

const clock = (): number => performance.now();
/** A text that nobody has asked before: what either side keeps of earlier texts must not count. */
const anew = (texts: readonly string[], at: number): string =>
  `${texts[at % texts.length] ?? ''} ${Math.round(clock() * 1000)}`;

/** Of how long each waited. */
export function waitsOf(times: readonly number[]): Waits {
  return { p50: median(times), max: Math.max(...times) };
}

/** `count` requests spread evenly over `seconds`, each from a sender of its own, whether or not earlier ones are answered: how long each waited. */
export async function paced(
  ask: Ask,
  texts: readonly string[],
  { count, seconds }: { count: number; seconds: number },
): Promise<number[]> {
  const began = clock();
  return Promise.all(
    Array.from({ length: count }, async (_, at) => {
      await new Promise((resolve) => setTimeout(resolve, began + (at * 1000 * seconds) / count - clock()));
      const asked = clock();
      await ask(`burst-${count}-${at}-${began}`, anew(texts, at));
      return clock() - asked;
    }),
  );
}

/** `count` requests in one second. Milliseconds. */
export async function burst(ask: Ask, texts: readonly string[], count: number): Promise<Waits> {
  return waitsOf(await paced(ask, texts, { count, seconds: 1 }));
}

/** How many replies one process gives when it always has four requests to work on, in conversations of five turns. */
export async function load(
  ask: Ask,
  texts: readonly string[],
  seconds: number,
): Promise<{ replies: number; perSecond: number }> {
  const began = clock();
  const until = began + seconds * 1000;
  let replies = 0;
  const worker = async (name: number): Promise<void> => {
    for (let turn = 0; clock() < until; turn += 1) {
      await ask(`load-${began}-${name}-${Math.floor(turn / 5)}`, anew(texts, name * 7 + turn));
      replies += 1;
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
  return { replies, perSecond: (replies * 1000) / (clock() - began) };
}

/** Milliseconds that `work` takes, and what it gives. */
export async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const began = clock();
  const value = await work();
  return { ms: clock() - began, value };
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
