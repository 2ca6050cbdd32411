/** What the chat shows, as data: messages in order, each once, whichever way it came. Knows neither the page nor the socket. */
import type { BotUttered, HistoryItem } from '../connectors/web/protocol.js';

export interface UserItem {
  from: 'user';
  id: string;
  text: string;
  time: string;
  /** `pending`: not known to be stored. */
  state: 'pending' | 'sent' | 'failed';
  /** No answer was seen. */
  waiting: boolean;
}
export interface BotItem {
  from: 'bot';
  id: string;
  message: BotUttered;
  time: string;
}
export type Item = UserItem | BotItem;

export interface Conversation {
  readonly items: readonly Item[];
  /** Puts an item at the end, or over the one with its id. */
  put(item: Item): void;
  mark(id: string, state: UserItem['state']): void;
  /** Takes in what the hub has stored: it is right about what it knows. */
  merge(history: readonly HistoryItem[]): void;
  /** The newest message up to which nothing is missing; undefined when all is to be sent again. */
  complete(): string | undefined;
}

const stored = (item: HistoryItem): Item => (item.from === 'user' ? { ...item, state: 'sent' } : item);

/** A reply's id starts with the id of the message it answers. */
const answeredBy = (item: BotItem): string => item.id.slice(0, item.id.indexOf(':'));

class Messages implements Conversation {
  items: readonly Item[] = [];

  put(item: Item): void {
    const known = this.items.some((other) => other.id === item.id);
    if (known) this.items = this.items.map((other) => (other.id === item.id ? item : other));
    else this.insert(item);
    if (item.from === 'bot') this.change(answeredBy(item), { waiting: false });
  }

  mark(id: string, state: UserItem['state']): void {
    this.change(id, { state });
  }

  merge(history: readonly HistoryItem[]): void {
    const known = new Set(history.map((item) => item.id));
    const first = this.items.findIndex((item) => known.has(item.id));
    // What stood before the hub's part stays before it; what the hub does not know was not sent yet, or came just now.
    const isOlder = (item: Item, index: number): boolean =>
      first < 0 ? item.from === 'bot' || item.state === 'sent' : index < first;
    const rest = this.items
      .map((item, index) => ({ item, older: isOlder(item, index) }))
      .filter(({ item }) => !known.has(item.id));
    const pick = (older: boolean): Item[] => rest.filter((entry) => entry.older === older).map((entry) => entry.item);
    this.items = [...pick(true), ...history.map(stored), ...pick(false)];
  }

  complete(): string | undefined {
    const sent = this.items.filter((item) => item.from === 'user').filter((item) => item.state === 'sent');
    const open = sent.findIndex((item) => item.waiting);
    return (open < 0 ? sent : sent.slice(0, open)).at(-1)?.id;
  }

  /** At the end; but what another tab said may come after its answer, and belongs before it. */
  private insert(item: Item): void {
    const answer = this.items.findIndex((other) => other.from === 'bot' && answeredBy(other) === item.id);
    const at = answer < 0 ? this.items.length : answer;
    this.items = [...this.items.slice(0, at), item, ...this.items.slice(at)];
  }

  private change(id: string, change: Partial<UserItem>): void {
    this.items = this.items.map((item) => (item.id === id && item.from === 'user' ? { ...item, ...change } : item));
  }
}

/** An empty conversation. */
export const createConversation = (): Conversation => new Messages();
