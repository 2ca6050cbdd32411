/** One after the other, for each bot: who has hold of it, and who waits for that. */
export class Holds {
  private readonly last = new Map<string, Promise<void>>();

  /** Resolves when all who came before have let go of the bot. The answer lets go. */
  async take(appId: string): Promise<() => void> {
    const before = this.last.get(appId);
    let free: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => (free = resolve));
    const all = before ? before.then(() => mine) : mine;
    this.last.set(appId, all);
    void all.then(() => {
      if (this.last.get(appId) === all) this.last.delete(appId);
    });
    await before;
    return free;
  }
}
