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

/**
 * As `within`, for work that can be told to end: the signal aborts when the time is over. It is made when it is asked for: a signal and its
 * listeners cost as much as a small request.
 */
export async function withinSignal<T>(ms: number, work: (signal: () => AbortSignal) => Promise<T>): Promise<T | null> {
  const over: { controller?: AbortController; late: boolean } = { late: false };
  const signal = (): AbortSignal => {
    over.controller ??= new AbortController();
    if (over.late) over.controller.abort();
    return over.controller.signal;
  };
  const answer = await within(work(signal), ms);
  if (answer !== null) return answer;
  over.late = true;
  over.controller?.abort();
  return null;
}
