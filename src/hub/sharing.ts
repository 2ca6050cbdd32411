/**
 * Several hubs on one store: who stored a message tells the hub that has its conversation, which takes the turn; a hub that has to do something
 * in a conversation of another borrows its turn. Told over the bus; what was lost there is found by a look at the store every two seconds.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { At, Leases, OutboxEntry, Store, StoredMessage } from '../contracts.js';
import { HubError } from '../errors.js';
import type { Log } from '../log.js';
import type { Bus } from './bus.js';
import { untilStored } from '../stored.js';

/** What the message path asks, of a store that several hubs share. */
export interface Sharing {
  /** Does this hub have the conversation, as far as it knows? */
  mine(at: At): boolean;
  /** Throws `stopping` unless this hub has it for sure, now. */
  check(at: At): void;
  /** Resolves when this hub has it for sure, and has taken up what was left in it. Rejects with `stopping` when another has it. */
  hold(at: At, signal: AbortSignal): Promise<void>;
  /** May others have stored something in it? */
  crowded(): boolean;
  /** Tells its owner that a message waits. `heard`: somebody holds the line for the outcome here. */
  pass(message: StoredMessage, heard?: boolean): void;
  /** Tells its owner that replies wait to be sent. */
  send(entries: OutboxEntry[]): void;
  /** The message as it ended, at another hub. `gone` aborts when the caller has hung up. */
  outcome(message: StoredMessage, gone?: AbortSignal): Promise<StoredMessage>;
  /** Tells a hub that a message has its outcome. */
  settled(to: string, messageId: string): void;
  /** Does `work` in the conversation's turn, at its owner's. */
  borrow<T>(at: At, work: () => Promise<T>): Promise<T>;
}
/** What others may ask of this hub. */
export interface Host {
  /** Takes up what waits in the conversation. `heardBy`: a hub where somebody holds the line for this message. */
  come(at: At, heard?: { messageId: string; by: string }): Promise<void>;
  /** Nobody holds the line any more. */
  hungUp(messageId: string): void;
  /** Sends what is in the outbox of this message. */
  post(messageId: string): Promise<void>;
  /** Runs `work` in the conversation's turn. */
  aside(at: At, work: () => Promise<void>): Promise<void>;
  /** Called after another hub had the turn: it may have changed what is known here. */
  visited(at: At): Promise<void>;
}
export interface SharingOptions {
  leases: Leases;
  bus: Bus;
  store: Pick<Store, 'conversations'>;
  log: Log;
}

const lookMs = 1000;
/** So long a guest waits for a conversation's turn to be granted before it asks again; the owner may have changed. */
const askMs = 3000;
const asks = 4;
/** A turn that was lent is over after this, or as soon as its guest is gone. */
const lentMs = 180_000;
const lentLookMs = 500;

interface Guest {
  over: () => void;
  from: string;
}

export class SharedConversations implements Sharing {
  private host: Host | undefined;
  /** Turns that this hub has asked for, by their tickets: told the epoch when it is granted. */
  private readonly asked = new Map<string, (epoch: number) => void>();
  /** Turns that this hub has lent. */
  private readonly guests = new Map<string, Guest>();
  /** Outcomes that somebody waits for here. */
  private readonly awaited = new Map<string, () => void>();

  constructor(private readonly options: SharingOptions) {
    const { bus } = options;
    const atIn = ({ appId, conversation }: Record<string, unknown>): At => ({
      appId: String(appId),
      conversation: String(conversation),
    });
    bus.on('come', (body, from) => {
      const heard = body['heard'] === true ? { messageId: String(body['id']), by: from } : undefined;
      this.serve(this.host?.come(atIn(body), heard));
    });
    bus.on('hung-up', (body) => this.host?.hungUp(String(body['id'])));
    bus.on('post', (body) => this.serve(this.host?.post(String(body['id']))));
    bus.on('settled', (body) => this.awaited.get(String(body['id']))?.());
    bus.on('turn-please', (body, from) => this.serve(this.lend(atIn(body), String(body['ticket']), from)));
    bus.on('turn-granted', (body) => this.asked.get(String(body['ticket']))?.(Number(body['epoch'])));
    bus.on('turn-over', (body) => this.guests.get(String(body['ticket']))?.over());
  }

  /** Who serves what other hubs ask; before that they are not answered. */
  attach(host: Host): void {
    this.host = host;
  }

  mine(at: At): boolean {
    return this.options.leases.stateOf(at) !== 'other';
  }

  check(at: At): void {
    if (this.options.leases.stateOf(at) !== 'own') throw movedError();
  }

  async hold(at: At, signal: AbortSignal): Promise<void> {
    const held = (): Promise<void> => {
      const state = this.options.leases.stateOf(at);
      if (state === 'own') return Promise.resolve();
      if (state === 'other') return Promise.reject(movedError());
      return Promise.reject(new HubError('store_unavailable', 'This hub does not know yet what it has.'));
    };
    if (this.options.leases.stateOf(at) !== 'own') await untilStored(held, signal);
  }

  crowded(): boolean {
    return !this.options.leases.alone();
  }

  pass({ appId, conversation, id }: StoredMessage, heard = false): void {
    const owner = this.options.leases.ownerOf({ appId, conversation });
    this.options.bus.tell(owner, 'come', { appId, conversation, id, heard });
  }

  send(entries: OutboxEntry[]): void {
    for (const id of new Set(entries.map(({ messageId }) => messageId))) {
      const entry = entries.find(({ messageId }) => messageId === id);
      const owner = entry ? this.options.leases.ownerOf(entry) : null;
      this.options.bus.tell(owner, 'post', { id });
    }
  }

  async outcome(message: StoredMessage, gone?: AbortSignal): Promise<StoredMessage> {
    this.pass(message, true);
    const hangUp = (): void => {
      const owner = this.options.leases.ownerOf(message);
      if (owner !== null) this.options.bus.tell(owner, 'hung-up', { id: message.id });
    };
    gone?.addEventListener('abort', hangUp, { once: true });
    try {
      for (;;) {
        const told = new Promise<void>((resolve) => this.awaited.set(message.id, resolve));
        await Promise.race([told, sleep(lookMs)]);
        const now = await this.options.store.conversations.get(message.id).catch(() => message);
        if (now === null) throw new HubError('not_found', 'The conversation was erased meanwhile.');
        if (now.state !== 'received') return now;
        if (gone?.aborted) throw movedError();
      }
    } finally {
      gone?.removeEventListener('abort', hangUp);
      this.awaited.delete(message.id);
    }
  }

  settled(to: string, messageId: string): void {
    this.options.bus.tell(to, 'settled', { id: messageId });
  }

  async borrow<T>(at: At, work: () => Promise<T>): Promise<T> {
    const { leases, bus } = this.options;
    for (let tries = 0; tries < asks; tries += 1) {
      const owner = leases.ownerOf(at);
      const ticket = randomUUID();
      const epoch = owner === null ? (await sleep(askMs / 2), null) : await this.ask(at, ticket, owner);
      if (this.mine(at)) return this.asHost(at, work);
      if (epoch === null || owner === null) continue;
      const end = leases.borrow(at, epoch);
      try {
        return await work();
      } finally {
        end();
        bus.tell(owner, 'turn-over', { ticket });
      }
    }
    throw new HubError(
      'store_unavailable',
      'The hub that has this conversation does not answer; is its Redis there? Try again in a moment.',
    );
  }

  /** The conversation came here meanwhile. */
  private asHost<T>(at: At, work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.host?.aside(at, () => work().then(resolve, reject)).catch(reject);
    });
  }

  /** Answers the epoch under which the turn was granted; null when it was not, in time. */
  private async ask({ appId, conversation }: At, ticket: string, owner: string): Promise<number | null> {
    const granted = new Promise<number>((resolve) => this.asked.set(ticket, resolve));
    this.options.bus.tell(owner, 'turn-please', { appId, conversation, ticket });
    const stop = new AbortController();
    const late = sleep(this.options.bus.open ? askMs : 0, null, { signal: stop.signal }).catch(() => null);
    const epoch = await Promise.race([granted, late]);
    stop.abort();
    this.asked.delete(ticket);
    // Granted later, it is given back at once by whoever lent it: nobody says that it is used.
    if (epoch === null) this.options.bus.tell(owner, 'turn-over', { ticket });
    return epoch;
  }

  /** Lends a conversation's turn to another hub, until that says that it is over, or is gone. */
  private async lend(at: At, ticket: string, from: string): Promise<void> {
    const { leases, bus } = this.options;
    if (!this.host || leases.stateOf(at) === 'other') return;
    const over = new Promise<void>((resolve) => this.guests.set(ticket, { over: resolve, from }));
    try {
      await this.host.aside(at, async () => {
        if (!this.guests.has(ticket)) return;
        bus.tell(from, 'turn-granted', { ticket, epoch: leases.epochOf(at) });
        await Promise.race([over, this.gone(from, ticket)]);
        await this.host?.visited(at);
      });
    } finally {
      this.guests.delete(ticket);
    }
  }

  private async gone(from: string, ticket: string): Promise<void> {
    const end = performance.now() + lentMs;
    const lives = (): boolean => this.options.leases.hubs().some(({ id }) => id === from);
    while (performance.now() < end && this.guests.has(ticket) && lives()) await sleep(lentLookMs);
  }

  private serve(work: Promise<void> | undefined): void {
    work?.catch((error: unknown) => {
      if (error instanceof HubError && error.code === 'stopping') return;
      this.options.log.warn({ err: error }, 'what another hub asked for could not be done');
    });
  }
}

const movedError = (): HubError =>
  new HubError('stopping', 'Another hub has this conversation now; send the message again in a moment.');

export const createSharing = (options: SharingOptions): SharedConversations => new SharedConversations(options);
