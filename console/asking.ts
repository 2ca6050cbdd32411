/** How the groups of calls ask the hub. */
import type { Client } from '../src/client';

export const segment = encodeURIComponent;
export const botPath = (appId: string): string => `/bots/${segment(appId)}`;
export const itemsOrNone = (cursor: string | null): string => (cursor === null ? '' : `&cursor=${segment(cursor)}`);

export interface Asking {
  client: Client;
  json<T>(...call: Parameters<Client['call']>): Promise<T>;
  send(...call: Parameters<Client['call']>): Promise<void>;
}
export function askingOf(client: Client): Asking {
  return {
    client,
    json: async <T>(...call: Parameters<Client['call']>) => (await (await client.call(...call)).json()) as T,
    send: async (...call) => void (await client.call(...call)),
  };
}
