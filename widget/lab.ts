/** The page of `switchboard lab`: the emulated platform's chat, buttons for what a platform may do to a hub, and what connects a bot to it. */
import { el } from './dom.js';

interface Line {
  who: 'person' | 'bot' | 'lab';
  text: string;
  buttons: { id: string; title: string }[];
  sent?: object;
}
interface State {
  platform: string;
  appId: string;
  bot: string;
  /** What connects a bot to this platform. */
  settings: Record<string, unknown>;
  /** The bot's own channel has them. */
  connected: boolean;
  lines: Line[];
}
/** How often the page looks for news. */
const lookMs = 300;

const english = {
  message: 'Message',
  connecting: 'Connecting…',
  title: (bot: string, platform: string) => `${bot} on an emulated ${platform}`,
  apart: (platform: string) =>
    `What you type is signed and delivered as ${platform} does it; no account is needed. The bot's own settings stay as they are.`,
  joined: (platform: string) =>
    `Connected: what you type comes in by the bot's own ${platform} channel, and stands among its conversations in the console.`,
  connect: (platform: string) => `Connect the bot's own ${platform} channel to this page`,
  how: [
    "In the console, open the bot's Channels and put these in. Then its conversations are listed there as they go on, and you can take one over and answer here.",
    'The hub must be allowed to call this machine: if it says that 127.0.0.1 is a private address, start it with EGRESS_ALLOW=127.0.0.1.',
  ],
  copy: 'Copy',
  press: 'Press it',
  sent: 'What the hub sent',
  ended: 'The lab has ended: start it again in the terminal.',
  send: 'Send',
  twice: ['Send twice', 'Deliver one message twice, as a platform does that saw no receipt'],
  limit: ['Send, then limit', 'Answer the reply with 429 first'],
  forge: ['Forge', 'Deliver something that the platform never signed'],
  fields: {
    botToken: 'Bot User OAuth Token',
    signingSecret: 'Signing Secret',
    apiUrl: "Address of Slack's API (further settings)",
    token: 'Token',
    secretToken: 'Secret token (further settings)',
    apiRoot: "Address of Telegram's API (further settings)",
    microsoftAppId: 'Microsoft App ID',
    microsoftAppPassword: 'Client secret',
    openIdMetadataUrl: 'OpenID metadata address (further settings)',
    tokenEndpoint: 'Token endpoint (further settings)',
    allowedServiceUrls: 'Allowed service addresses (further settings)',
  } as Record<string, string>,
};
const chinese: typeof english = {
  message: '消息',
  connecting: '正在连接…',
  title: (bot, platform) => `模拟 ${platform} 上的 ${bot}`,
  apart: (platform) => `您输入的内容会像 ${platform} 那样签名并投递，无需账号；机器人自己的设置保持不变。`,
  joined: (platform) => `已连接：您输入的内容经由机器人自己的 ${platform} 渠道进入，并出现在控制台的会话中。`,
  connect: (platform) => `将机器人自己的 ${platform} 渠道连接到此页面`,
  how: [
    '在控制台中打开该机器人的“渠道”，填入以下各项。之后会话会实时列在那里，您可以接管会话，回复会显示在此处。',
    '必须允许服务访问本机：如果提示 127.0.0.1 是私有地址，请以 EGRESS_ALLOW=127.0.0.1 启动服务。',
  ],
  copy: '复制',
  press: '按下',
  sent: '服务发送的内容',
  ended: '实验室已结束：请在终端中重新启动。',
  send: '发送',
  twice: ['发送两次', '将一条消息投递两次，如同平台没有收到回执'],
  limit: ['发送并限流', '先以 429 回应答复'],
  forge: ['伪造', '投递平台从未签名的内容'],
  fields: {
    botToken: 'Bot User OAuth Token',
    signingSecret: 'Signing Secret',
    apiUrl: 'Slack API 地址（更多设置）',
    token: '令牌',
    secretToken: '密钥令牌（更多设置）',
    apiRoot: 'Telegram API 地址（更多设置）',
    microsoftAppId: 'Microsoft App ID',
    microsoftAppPassword: '客户端密码',
    openIdMetadataUrl: 'OpenID 元数据地址（更多设置）',
    tokenEndpoint: '令牌端点（更多设置）',
    allowedServiceUrls: '允许的服务地址（更多设置）',
  },
};
const isChinese = navigator.language.toLowerCase().startsWith('zh');
const words = isChinese ? chinese : english;
document.documentElement.lang = isChinese ? 'zh' : 'en';

const input = el('input', {
  name: 'text',
  'aria-label': words.message,
  placeholder: words.message,
  autocomplete: 'off',
});
const list = el('ol', { 'aria-live': 'polite' });
const title = el('h1', {}, 'Switchboard lab');
const subtitle = el('p', {}, words.connecting);
const header = el('header', {}, title, subtitle);

async function act(deed: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await fetch('/deeds', { method: 'POST', headers, body: JSON.stringify(deed) }).catch(() => undefined);
}
function say(kind: 'say' | 'duplicate' | 'limited'): void {
  const text = input.value.trim();
  input.focus();
  if (text === '') return;
  input.value = '';
  void act({ kind, text });
}
function button([name = '', hint = '']: string[], press: () => void): HTMLButtonElement {
  const made = el('button', { type: 'button', title: hint }, name);
  made.addEventListener('click', press);
  return made;
}

function lineOf({ who, text, buttons, sent }: Line): HTMLLIElement {
  const choices = buttons.map(({ id, title: name }) =>
    button([name, words.press], () => void act({ kind: 'press', button: id })),
  );
  const raw = sent
    ? [el('details', {}, el('summary', {}, words.sent), el('pre', {}, JSON.stringify(sent, null, 2)))]
    : [];
  return el(
    'li',
    { class: who },
    el('span', {}, text),
    ...(choices.length > 0 ? [el('div', {}, ...choices)] : []),
    ...raw,
  );
}

/** What the author puts into the bot's channel, each to be copied. */
function connection({ settings }: State, platform: string): HTMLElement {
  const fields = Object.entries(settings).flatMap(([name, value]) => {
    const text = String(value);
    const label = words.fields[name] ?? name;
    const copy = button([words.copy, `${words.copy}: ${label}`], () => void navigator.clipboard.writeText(text));
    copy.setAttribute('aria-label', `${words.copy}: ${label}`);
    return [el('dt', {}, label), el('dd', {}, el('code', {}, text), copy)];
  });
  return el(
    'details',
    {},
    el('summary', {}, words.connect(platform)),
    ...words.how.map((text) => el('p', {}, text)),
    el('dl', {}, ...fields),
  );
}

function show(state: State): void {
  const { platform, appId, bot, connected, lines } = state;
  const name = `${platform[0]?.toUpperCase() ?? ''}${platform.slice(1)}`;
  title.textContent = words.title(bot, name);
  subtitle.textContent = `${appId}. ${connected ? words.joined(name) : words.apart(name)}`;
  if (header.children.length === 2) header.append(connection(state, name));
  const news = lines.slice(list.children.length);
  if (news.length === 0) return;
  list.append(...news.map(lineOf));
  list.scrollTop = list.scrollHeight;
}

async function look(): Promise<void> {
  try {
    show((await (await fetch('/state')).json()) as State);
  } catch {
    subtitle.textContent = words.ended;
  }
  setTimeout(() => void look(), lookMs);
}

const form = el(
  'form',
  {},
  input,
  el('button', { type: 'submit' }, words.send),
  button(words.twice, () => say('duplicate')),
  button(words.limit, () => say('limited')),
  button(words.forge, () => void act({ kind: 'forged' })),
);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  say('say');
});
document.body.append(el('main', {}, header, list, form));
input.focus();
void look();
