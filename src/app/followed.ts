/** Bots as this hub last saw them, of a store that others change as well: what is new, gone or different is followed here. */
import type { Bot, Engines, Store } from '../contracts.js';
import type { Channels } from '../hub/channels.js';
import type { Connections } from '../hub/connections.js';
import type { HubDesk } from '../hub/desk.js';
import type { Log } from '../log.js';

export interface Followers {
  engines: Pick<Engines, 'register' | 'forget' | 'swap' | 'park' | 'status'>;
  channels: Pick<Channels, 'open' | 'reopen'>;
  connections: Pick<Connections, 'close'>;
  desk: Pick<HubDesk, 'forget'>;
  forget: (appId: string) => void;
}
/** What of a bot this hub acts on. */
interface Seen {
  activeModel: string | null;
  instances: string;
  remote: string;
}
const everyMs = 60_000;
const pageSize = 500;
const seenOf = ({ activeModel, instances, remoteUrl, remoteAuth }: Bot): Seen => ({
  activeModel,
  instances: JSON.stringify(instances),
  remote: JSON.stringify([remoteUrl, remoteAuth ?? null]),
});
/** Differs from every bot. */
const unseen: Seen = { activeModel: '', instances: '', remote: '' };

export class Followed {
  private readonly seen = new Map<string, Seen>();
  /** One change of a bot after the other. */
  private readonly lines = new Map<string, Promise<void>>();
  private lookedAt = performance.now();
  private looked = false;

  constructor(
    private readonly store: Pick<Store, 'bots' | 'models'>,
    private readonly followers: Followers,
    private readonly log: Log,
  ) {}

  /** This hub itself changed a bot, or made it. */
  own(bot: Bot): void {
    this.seen.set(bot.appId, seenOf(bot));
  }

  /** Another hub changed a bot, made it or deleted it. */
  bot(appId: string): void {
    this.inLine(appId, async () => this.follow(appId, await this.store.bots.get(appId)));
  }

  /** Another hub changed the settings of a channel. */
  channel(appId: string, name: string): void {
    this.inLine(appId, async () => {
      const bot = await this.store.bots.get(appId);
      if (bot) await this.followers.channels.reopen(bot, name);
    });
  }

  /** Compares all bots with what was seen; the first time they are only noted, as they were opened just now. */
  async look(): Promise<void> {
    const first = !this.looked;
    this.looked = true;
    this.lookedAt = performance.now();
    const found = new Set<string>();
    for (let cursor: string | undefined, more = true; more;) {
      const page = await this.store.bots.list({ limit: pageSize, cursor });
      for (const bot of page.items) {
        found.add(bot.appId);
        if (first) this.seen.set(bot.appId, seenOf(bot));
        else if (this.differs(bot)) this.bot(bot.appId);
      }
      cursor = page.next ?? undefined;
      more = page.next !== null;
    }
    for (const appId of this.seen.keys()) if (!found.has(appId)) this.bot(appId);
  }

  /** Once a minute. */
  async lookSometimes(): Promise<void> {
    if (performance.now() - this.lookedAt > everyMs) await this.look();
  }

  private differs(bot: Bot): boolean {
    return JSON.stringify(this.seen.get(bot.appId)) !== JSON.stringify(seenOf(bot));
  }

  private async follow(appId: string, bot: Bot | null): Promise<void> {
    const { engines, channels } = this.followers;
    const before = this.seen.get(appId);
    if (!bot) return this.drop(appId);
    this.seen.set(appId, seenOf(bot));
    if (!before) await channels.open(bot);
    if (before?.instances !== seenOf(bot).instances) engines.register(appId, bot.instances);
    const changed = before && (before.activeModel !== bot.activeModel || before.remote !== seenOf(bot).remote);
    if (changed) await this.change(bot);
  }

  private async drop(appId: string): Promise<void> {
    const { connections, desk, engines, forget } = this.followers;
    this.seen.delete(appId);
    await connections.close(appId);
    desk.forget(appId);
    await engines.forget(appId);
    forget(appId);
  }

  /** The bot's processes here change to the model that is active now; one that sleeps finds it when it wakes. */
  private async change({ appId, activeModel, instances }: Bot): Promise<void> {
    const { engines } = this.followers;
    const { state } = engines.status(appId);
    const model = activeModel === null ? null : await this.store.models.get(appId, activeModel);
    if (!model) return engines.park(appId);
    if (state === 'awake' || state === 'waking') return engines.swap(appId, model, () => Promise.resolve());
    if (state !== 'quarantined') return;
    await engines.forget(appId);
    engines.register(appId, instances);
  }

  private inLine(appId: string, work: () => Promise<void>): void {
    const line = (this.lines.get(appId) ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) => {
        // The next look tries again.
        if (this.seen.has(appId)) this.seen.set(appId, unseen);
        this.log.warn({ appId, err: error }, 'what another hub changed of a bot could not be followed yet');
      })
      .finally(() => {
        if (this.lines.get(appId) === line) this.lines.delete(appId);
      });
    this.lines.set(appId, line);
  }
}
