/** Waiting with a limit, leaving no timer behind. */

/** Answers what `promise` resolves to, or null when it has not after `ms`; it then goes on unheard. Rejects as `promise` does in time. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** As `within`, for work that can be told to end: its signal aborts when the time is over. */
export async function withinSignal<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
  const over = new AbortController();
  const answer = await within(work(over.signal), ms);
  if (answer === null) over.abort();
  return answer;
}
