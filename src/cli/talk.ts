/** `talk`, `parse` and `logs`: a bot from a terminal. */
import { createInterface } from 'node:readline/promises';
import type { Client } from '../client.js';
import type { BotMessageWire } from '../wire.js';
import type { Output } from './output.js';

interface Tools {
  client: Client;
  output: Output;
}

const wordsOf = ({ text, image, buttons = [], custom, attachment }: BotMessageWire): string[] => [
  ...(text === undefined ? [] : [text]),
  ...(image === undefined ? [] : [`[image] ${image}`]),
  ...(attachment === undefined ? [] : [`[attachment] ${JSON.stringify(attachment)}`]),
  ...(custom === undefined ? [] : [`[custom] ${JSON.stringify(custom)}`]),
  ...buttons.map(({ title, payload }) => `[${title}] ${payload}`),
];

/** Says each line of `input` to the bot and shows what it answers; a terminal is asked for lines. */
export async function talk(
  { client, output }: Tools,
  { appId, sender }: { appId: string; sender: string },
  input: NodeJS.ReadableStream & { isTTY?: boolean },
): Promise<void> {
  const terminal = input.isTTY === true && !output.json;
  if (terminal) output.say(`You talk to ${appId}; an empty line ends it.`);
  const lines = createInterface({ input, ...(terminal ? { output: process.stderr, prompt: '> ' } : {}), terminal });
  if (terminal) lines.prompt();
  for await (const line of lines) {
    if (line.trim() === '' && terminal) break;
    if (line.trim() === '') continue;
    const replies = await client.say(appId, { sender, message: line });
    output.result({ message: line, replies }, replies.flatMap(wordsOf));
    if (terminal) lines.prompt();
  }
  lines.close();
}

/** What the bot understands. */
export async function parse({ client, output }: Tools, appId: string, text: string): Promise<void> {
  const parsed = await client.parse(appId, text);
  const { intent, entities } = parsed;
  const full = intent['full_retrieval_intent_name'];
  const name = typeof full === 'string' ? full : intent.name;
  const shown = entities as { entity?: string; value?: unknown }[];
  output.result(parsed, [
    `${name ?? 'nothing'}  ${intent.confidence.toFixed(3)}`,
    ...shown.map(({ entity, value }) => `  ${entity ?? ''}: ${JSON.stringify(value)}`),
  ]);
}

/** The newest lines of the bot's process; with `follow` each new one too, until `signal` aborts. */
export async function logs(
  { client, output }: Tools,
  appId: string,
  { follow, signal }: { follow: boolean; signal: AbortSignal },
): Promise<void> {
  const show = (line: { source: string; at: string | null; line: string }): void =>
    output.result(line, [line.at, line.source === 'hub' ? 'hub:' : null, line.line].filter(Boolean).join(' '));
  if (!follow) {
    for (const line of await client.logs(appId)) show(line);
    return;
  }
  try {
    for await (const line of client.followLogs(appId, signal)) show(line);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
