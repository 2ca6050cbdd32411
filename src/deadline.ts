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
