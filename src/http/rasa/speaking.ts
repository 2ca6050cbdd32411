/**
 * `?output_channel=`: where Rasa would send what the bot says through one of its channels, it leaves through that of the hub, by the outbox.
 * The process itself knows no channels and puts everything into its answer.
 */
import type { ApiResponse, Bot, BotMessage, Hub, Json } from '../../contracts.js';
import { queryOf, type RasaAsked } from './request.js';

/** Names of Rasa's channels that are others here. Its REST channel has no way to send: who asks for it finds all in the answer. */
const ourNames: Record<string, string | null> = {
  socketio: 'web',
  botframework: 'teams',
  callback: 'rest',
  rest: null,
};
/** The user's newest message says it. */
const latest = 'latest';

interface Said {
  body: Json;
  messages: BotMessage[];
}
/** What an answer of Rasa says that the bot has said; null for an answer that is none. */
type Reader = (asked: RasaAsked, body: Json) => BotMessage[];

/** What `trigger_intent` and `execute` answer. */
export const messagesIn: Reader = (_, { messages }) => (Array.isArray(messages) ? (messages as BotMessage[]) : []);

/** The bot events that were sent, if they are to have effects. */
export const eventsIn: Reader = (asked, { sender_id: recipient }) => {
  if (queryOf(asked, 'execute_side_effects')?.toLowerCase() !== 'true') return [];
  const sent: unknown = JSON.parse(asked.body?.toString('utf8') ?? '[]');
  const events = (Array.isArray(sent) ? sent : [sent]) as Json[];
  return events.filter(({ event }) => event === 'bot').map((event) => messageOf(event, String(recipient)));
};

/** A bot event as the message that it stands for. */
function messageOf({ text, data }: Json, recipient: string): BotMessage {
  const { buttons, quick_replies: quick, custom, image, attachment } = (data ?? {}) as Partial<BotMessage> & Json;
  const offered = [quick, buttons].find((list) => Array.isArray(list) && list.length > 0) as BotMessage['buttons'];
  return {
    recipient_id: recipient,
    ...(typeof text === 'string' && text !== '' ? { text } : {}),
    ...(offered ? { buttons: offered } : {}),
    ...(custom ? { custom } : {}),
    ...(image ? { image } : {}),
    // An old habit of Rasa's: an image stands in both.
    ...(attachment && attachment !== image ? { attachment } : {}),
  };
}

/** Sends what was said by the channel that the request names; answers what is left for the caller. */
export async function speak(
  hub: Pick<Hub, 'say'>,
  { bot, conversation, asked, read }: { bot: Bot; conversation: string; asked: RasaAsked; read: Reader },
  answer: ApiResponse,
): Promise<ApiResponse> {
  const named = queryOf(asked, 'output_channel');
  if (named === undefined || answer.status !== 200) return answer;
  const { body, messages } = saidIn(asked, answer, read);
  const channel = channelOf(named, body);
  if (channel === null) return answer;
  const signed = messages.map((message) => ({ ...message, metadata: { engine: 'rasa' as const } }));
  if (!(await hub.say({ appId: bot.appId, conversation, channel }, signed))) return answer;
  // Rasa's callback channel is the one that sends and answers both.
  if (channel === 'rest' || body['messages'] === undefined) return answer;
  const { messages: _sent, ...rest } = body;
  return { ...answer, body: Buffer.from(JSON.stringify(rest)) };
}

function saidIn(asked: RasaAsked, { body: bytes }: ApiResponse, read: Reader): Said {
  const body = JSON.parse(bytes.toString('utf8')) as Json;
  return { body, messages: read(asked, body) };
}

/** The channel of the hub that is meant; null for none. */
function channelOf(named: string, body: Json): string | null {
  const tracker = (body['tracker'] ?? body) as Json;
  const name = named === latest ? tracker['latest_input_channel'] : named;
  if (typeof name !== 'string') return null;
  return Object.hasOwn(ourNames, name) ? (ourNames[name] ?? null) : name;
}
