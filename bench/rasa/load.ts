/** Questions put to a server at a rate of one's choosing, and how long each waited. */

/** Asks one question of one conversation; rejects when no answer comes. */
export type Ask = (sender: string, text: string) => Promise<unknown>;
export interface Waits {
  p50: number;
  max: number;
}

const clock = (): number => performance.now();

function waitsOf(times: number[]): Waits {
  const sorted = [...times].sort((a, b) => a - b);
  return { p50: sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** `count` requests spread evenly over one second, each from a sender of its own, whether or not earlier ones are answered. Milliseconds. */
export async function burst(ask: Ask, texts: readonly string[], count: number): Promise<Waits> {
  const began = clock();
  const times = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      await new Promise((resolve) => setTimeout(resolve, began + (at * 1000) / count - clock()));
      const asked = clock();
      await ask(`burst-${count}-${at}-${began}`, texts[at % texts.length] ?? '');
      return clock() - asked;
    }),
  );
  return waitsOf(times);
}

/** Replies a second of one process that always has four requests to work on, in conversations of five turns. */
export async function throughput(ask: Ask, texts: readonly string[], seconds: number): Promise<number> {
  const began = clock();
  const until = began + seconds * 1000;
  let done = 0;
  const worker = async (name: number): Promise<void> => {
    for (let turn = 0; clock() < until; turn += 1) {
      await ask(`load-${began}-${name}-${Math.floor(turn / 5)}`, texts[(name * 7 + turn) % texts.length] ?? '');
      done += 1;
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
  return done / ((clock() - began) / 1000);
}

/** Milliseconds that `work` takes, and what it gives. */
export async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const began = clock();
  const value = await work();
  return { ms: clock() - began, value };
}
