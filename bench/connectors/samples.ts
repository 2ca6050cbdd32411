/** What each SDK's own sample does: it listens, verifies, says `echo …`, and keeps nothing. Each answers the port it listens on. */
import { App, HTTPReceiver, LogLevel } from '@slack/bolt';
import { CloudAdapter, ConfigurationBotFrameworkAuthentication, type Request, type Response } from 'botbuilder';
import { once } from 'node:events';
import { Agent, createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import getRawBody from 'raw-body';
import { Server as SocketServer } from 'socket.io';
import { Telegraf } from 'telegraf';
import { message } from 'telegraf/filters';
import { openFile, Sqlite } from '../../src/stores/sqlite/database.js';

type Settings = Record<string, string>;

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
const serve = (handle: RequestListener): Promise<number> => listening(createServer(handle));

async function slack({ botToken, signingSecret, apiUrl }: Settings): Promise<number> {
  const receiver = new HTTPReceiver({
    signingSecret: signingSecret ?? '',
    endpoints: '/hook',
    logLevel: LogLevel.ERROR,
  });
  const clientOptions = { slackApiUrl: `${apiUrl}/` };
  const app = new App({ token: botToken ?? '', receiver, clientOptions, logLevel: LogLevel.ERROR });
  app.message(async ({ message: said, say }) => void (await say(`echo ${'text' in said ? (said.text ?? '') : ''}`)));
  const server = (await app.start(0)) as Server;
  return (server.address() as AddressInfo).port;
}

async function telegram({ token, apiRoot, secretToken }: Settings): Promise<number> {
  // A reply in the body of the webhook's answer would cost nothing, and nobody would know what became of it.
  const bot = new Telegraf(token ?? '', { telegram: { apiRoot: apiRoot ?? '', webhookReply: false } });
  bot.telegram.options.agent = new Agent({ keepAlive: true });
  bot.on(message('text'), (context) => context.reply(`echo ${context.message.text}`));
  const handle = bot.webhookCallback('/hook', { secretToken: secretToken ?? '' });
  return serve((request, response) => void handle(request, response));
}

/** The face of an express response that the adapter asks for. */
const expressLike = (response: ServerResponse): Response => ({
  socket: response.socket,
  status: (code: number) => (response.statusCode = code),
  header: (name: string, value: unknown) => response.setHeader(name, String(value)),
  send: (body: unknown) => response.write(typeof body === 'string' ? body : JSON.stringify(body)),
  end: () => response.end(),
});

async function teams(settings: Settings): Promise<number> {
  const { microsoftAppId = '', openIdMetadataUrl = '', accessToken = '' } = settings;
  const credentials: unknown = {
    isValidAppId: (id: string) => Promise.resolve(id === microsoftAppId),
    isAuthenticationDisabled: () => Promise.resolve(false),
    createCredentials: () =>
      Promise.resolve({
        signRequest: (request: { headers: { set(name: string, value: string): void } }) => {
          request.headers.set('authorization', `Bearer ${accessToken}`);
          return Promise.resolve(request);
        },
      }),
  };
  const authentication = new ConfigurationBotFrameworkAuthentication(
    {
      MicrosoftAppId: microsoftAppId,
      ToChannelFromBotOAuthScope: 'https://api.botframework.com',
      ToBotFromChannelTokenIssuer: 'https://api.botframework.com',
      ToBotFromChannelOpenIdMetadataUrl: openIdMetadataUrl,
      ToBotFromEmulatorOpenIdMetadataUrl: openIdMetadataUrl,
      OAuthUrl: 'https://api.botframework.com',
      CallerId: 'bench',
    },
    credentials as never,
  );
  const adapter = new CloudAdapter(authentication);
  return serve((request, response) => {
    void getRawBody(request, { limit: 1_000_000 }).then((bytes) => {
      const { method, headers } = request;
      const asked = { method, headers, body: JSON.parse(bytes.toString()) as Record<string, unknown> } as Request;
      return adapter.process(asked, expressLike(response), async (turn) => {
        await turn.sendActivity(`echo ${turn.activity.text}`);
      });
    });
  });
}

type Say = (ack: (answer: object) => void, answer: (said: object) => void) => void;
/** Bare socket.io; `hear` says what becomes of a text. */
function sockets(hear: (text: string) => Say): Promise<number> {
  const server = createServer();
  const io = new SocketServer(server, { serveClient: false });
  io.on('connection', (socket) => {
    socket.on('user_uttered', ({ message: text }: { message: string }, ack: (answer: object) => void) =>
      hear(text)(ack, (said) => void socket.emit('bot_uttered', said)),
    );
  });
  return listening(server);
}

const web = (): Promise<number> =>
  sockets((text) => (ack, answer) => {
    ack({ ok: true });
    answer({ text: `echo ${text}` });
  });

/**
 * The sample of socket.io with our promise and nothing else: a message is one row, committed and synced before its acknowledgement, and its
 * answer is committed before it leaves. By the hub's own group commit, but on the event loop, so that nothing crosses between threads.
 */
export function durableWeb(dataDir: string): Promise<number> {
  const database = openFile(join(dataDir, 'floor.db'), 1000);
  database.exec('CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL, answer TEXT)');
  const sqlite = new Sqlite(database, 1000);
  const insert = sqlite.query('INSERT INTO messages (text) VALUES (@text)');
  const update = sqlite.query('UPDATE messages SET answer = @answer WHERE id = @id');
  const take: (text: string) => Say = (text) => async (ack, answer) => {
    const { rowid: id } = await sqlite.write(() => insert.run({ text }));
    ack({ ok: true });
    await sqlite.write(() => update.run({ id, answer: `echo ${text}` }), 'committed');
    answer({ text: `echo ${text}` });
  };
  return sockets(take);
}

/** Starts the sample of a platform; `settings` as the hub's channel has them, and Teams' `accessToken`. */
export const samples: Record<string, (settings: Settings) => Promise<number>> = { slack, telegram, teams, web };
