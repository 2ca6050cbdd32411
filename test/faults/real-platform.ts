/** The fake platforms of the real connectors, with the journal of the rig: what is sent and what comes is as Slack, Telegram and Teams have it. */
import type { Json } from '../../src/contracts.js';
import type { FakePlatform as Emulated, Post } from '../../src/lab/platforms/platform.js';
import { FakeSlack } from '../../src/lab/platforms/slack.js';
import { FakeTeams } from '../../src/lab/platforms/teams.js';
import { FakeTelegram } from '../../src/lab/platforms/telegram.js';
import type { PlatformEvent, PlatformName } from '../support/standins.js';
import { FakePlatform, type PlatformOptions } from './platform.js';

const makers: Record<PlatformName, () => Emulated> = {
  slack: () => new FakeSlack(),
  telegram: () => new FakeTelegram(),
  teams: () => new FakeTeams(),
};

export class RealPlatform extends FakePlatform {
  readonly emulated: Emulated;
  /** The platform's own ids of the rig's chats, and back. */
  private readonly ids = new Map<string, string>();
  private readonly names = new Map<string, string>();

  constructor(name: PlatformName, options: PlatformOptions) {
    super(name, options);
    this.emulated = makers[name]();
    this.emulated.verdict = (post) => this.decide(post);
  }

  override async open(): Promise<string> {
    await this.emulated.open();
    return super.open();
  }
  override async close(): Promise<void> {
    await this.emulated.close();
    await super.close();
  }
  override settings(): Json {
    return this.emulated.settings();
  }

  protected override delivery({ id, chat, text }: PlatformEvent): { headers: Record<string, string>; body: string } {
    const { headers, body } = this.emulated.deliver({ id: id.replace(/\D/g, ''), chat: this.idOf(chat), text });
    return { headers: headers as Record<string, string>, body };
  }

  /** The platform names one limit only: the rig's scope is what it makes of its own verdicts. */
  private decide({ chat, text, at }: Post): ReturnType<Emulated['verdict']> {
    const name = this.names.get(chat) ?? chat;
    return this.judge({ platform: this.name, chat: name, text, at });
  }

  private idOf(chat: string): string {
    const known = this.ids.get(chat);
    if (known !== undefined) return known;
    const id = this.emulated.chat(this.ids.size + 1);
    this.ids.set(chat, id);
    this.names.set(id, chat);
    return id;
  }
}
