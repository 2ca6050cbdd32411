/** The lab's chat: what the author does at the emulated platform, and what is seen there. */
import type { FakePlatform, Post } from './platforms/platform.js';

export interface Line {
  who: 'person' | 'bot' | 'lab';
  text: string;
  buttons: { id: string; title: string }[];
  /** What the hub sent, as it stands. */
  sent?: object;
}
/** `forged`: a delivery that the platform never made. `duplicate`: one message, delivered twice. `limited`: the answer meets a 429 first. */
export type Deed =
  { kind: 'say' | 'duplicate' | 'limited'; text: string } | { kind: 'forged' } | { kind: 'press'; button: string };

export interface Desk {
  /** Does it and notes what became of it. */
  act(deed: Deed): Promise<void>;
  /** Everything so far, oldest first. */
  lines(): Line[];
  note(text: string): void;
}

const limitSeconds = 2;
const statusWords = (status: number): string => (status === 0 ? 'no answer' : String(status));

class LabDesk implements Desk {
  private readonly shown: Line[] = [];
  private next = Date.now() % 1_000_000_000;
  private forgeries = 0;
  /** How many posts of the platform are among the lines. */
  private taken = 0;
  private limit: 'none' | 'armed' | { at: number } = 'none';
  private readonly chat: string;

  constructor(
    private readonly platform: FakePlatform,
    private readonly webhook: () => Promise<string>,
  ) {
    this.chat = platform.chat(1);
    platform.verdict = (post) => this.verdict(post);
  }

  lines(): Line[] {
    this.catchUp();
    return this.shown;
  }

  note(text: string): void {
    this.add({ who: 'lab', text, buttons: [] });
  }

  async act(deed: Deed): Promise<void> {
    if (deed.kind === 'forged') return this.forge();
    if (deed.kind === 'press') return this.press(deed.button);
    const { kind, text } = deed;
    this.add({ who: 'person', text, buttons: [] });
    if (kind === 'limited') this.limit = 'armed';
    const act = { id: String((this.next += 1)), chat: this.chat, text };
    const webhook = await this.webhook();
    const statuses = await this.platform.say(webhook, act);
    if (kind === 'duplicate') {
      statuses.push(await this.platform.post(webhook, this.platform.deliver(act)).catch(() => 0));
      return void this.note(
        `Delivered twice; the hub said ${statuses.map(statusWords).join(' and ')}. One answer comes.`,
      );
    }
    const last = statuses.at(-1) ?? 0;
    if (last < 200 || last > 299) this.note(`The hub did not take it: ${statuses.map(statusWords).join(', ')}.`);
  }

  private async forge(): Promise<void> {
    const all = this.platform.forgeries({ id: String((this.next += 1)), chat: this.chat, text: 'forged' });
    const forgery = all[this.forgeries++ % all.length];
    if (!forgery) return;
    const status = await this.platform.post(await this.webhook(), forgery.delivery).catch(() => 0);
    const verdict = status >= 200 && status < 300 ? 'and took it' : 'and did not take it';
    this.note(`A forged delivery (${forgery.what}): the hub said ${statusWords(status)} ${verdict}.`);
  }

  private async press(id: string): Promise<void> {
    const [post = '', button = ''] = id.split('.');
    const pressed = this.platform.posts[Number(post)]?.buttons[Number(button)];
    if (!pressed) return;
    this.add({ who: 'person', text: pressed.title, buttons: [] });
    const status = await this.platform.post(await this.webhook(), pressed.press).catch(() => 0);
    if (status < 200 || status > 299) this.note(`The hub did not take the press: ${statusWords(status)}.`);
  }

  private verdict({ at }: Post): ReturnType<FakePlatform['verdict']> {
    if (this.limit === 'armed') {
      this.limit = { at };
      this.note(`The answer met status 429 with Retry-After: ${limitSeconds}.`);
      return { kind: 'limit', seconds: limitSeconds };
    }
    if (this.limit !== 'none') {
      this.note(`It came again after ${((at - this.limit.at) / 1000).toFixed(1)} s.`);
      this.limit = 'none';
    }
    return { kind: 'take' };
  }

  private catchUp(): void {
    const { posts } = this.platform;
    for (; this.taken < posts.length; this.taken += 1) {
      const { text, buttons, sent } = posts[this.taken] as Post;
      const place = this.taken;
      this.shown.push({
        who: 'bot',
        text,
        buttons: buttons.map(({ title }, n) => ({ id: `${place}.${n}`, title })),
        sent,
      });
    }
  }

  private add(line: Line): void {
    this.catchUp();
    this.shown.push(line);
  }
}

/** One person in one direct conversation with the bot. `webhook`: where its channel is called now. */
export const createDesk = (platform: FakePlatform, webhook: () => Promise<string>): Desk =>
  new LabDesk(platform, webhook);
