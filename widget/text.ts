/** Every sentence the chat shows, in English and Chinese; a bot's author may put many in other words. */
import type { Appearance } from '../connectors/web/protocol.js';

export interface Words {
  lang: string;
  /** For times: `lang` as this browser's person writes it, e.g. `en-GB`. */
  locale: string;
  chatWith(name: string): string;
  hello(name: string): string;
  start: string;
  placeholder: string;
  message: string;
  send: string;
  close: string;
  hint: string;
  newest: string;
  you: string;
  typing(name: string): string;
  withAgent(name: string): string;
  calling: string;
  sending: string;
  waiting: string;
  failed: string;
  retry: string;
  picture(name: string): string;
  openPicture: string;
  pictureGone: string;
  file: string;
  cards(count: number): string;
  data: string;
  connecting: string;
  reconnecting: string;
  offline: string;
  refused: string;
  ready: string;
  asleep: string;
  waking: string;
  draining: string;
  training(percent: number, eta: number | null): string;
  trainingBar: string;
  problem(words: string): string;
  untrained: string;
  engine: { rasa: string; lite: string; remote: string };
}

const english: Words = {
  lang: 'en',
  locale: 'en',
  chatWith: (name) => `Chat with ${name}`,
  hello: (name) => `Hello, this is ${name}.`,
  start: 'Ask a question to begin.',
  placeholder: 'Write a message',
  message: 'Your message',
  send: 'Send',
  close: 'Close the chat',
  hint: 'Enter sends, Shift + Enter starts a new line',
  newest: 'New messages',
  you: 'You',
  typing: (name) => `${name} is typing`,
  withAgent: (name) => `${name} answers you now`,
  calling: 'A colleague was called and will answer you here.',
  sending: 'Sending…',
  waiting: 'Waiting for the connection',
  failed: 'Not sent',
  retry: 'Try again',
  picture: (name) => `Picture from ${name}`,
  openPicture: 'opens in a new tab',
  pictureGone: 'Open the picture',
  file: 'Open the attachment',
  cards: (count) => `${count} cards`,
  data: 'Data',
  connecting: 'Connecting…',
  reconnecting: 'The connection was lost. Reconnecting…',
  offline: 'You are offline. What you write is sent when you are back.',
  refused: 'This bot cannot be reached from here now. Trying again…',
  ready: 'Ready',
  asleep: 'The bot is asleep. Your message wakes it.',
  waking: 'The bot is waking up…',
  draining: 'The bot is changing to its new version…',
  training: (percent, eta) =>
    `The bot is in training: ${percent} %${eta === null ? '' : `, about ${span(eta, ' s', ' min')} left`}`,
  trainingBar: 'Training progress',
  problem: (words) => `The bot cannot answer now: ${words}`,
  untrained: 'This bot has not been trained yet.',
  engine: {
    rasa: 'Rasa',
    lite: 'lite – a simple search, because Rasa isn’t installed here',
    remote: 'a remote Rasa server',
  },
};

const chinese: Words = {
  lang: 'zh',
  locale: 'zh',
  chatWith: (name) => `与${name}聊天`,
  hello: (name) => `您好，我是${name}。`,
  start: '请输入您的问题。',
  placeholder: '输入消息',
  message: '您的消息',
  send: '发送',
  close: '关闭聊天',
  hint: 'Enter 发送，Shift + Enter 换行',
  newest: '新消息',
  you: '您',
  typing: (name) => `${name}正在输入`,
  withAgent: (name) => `现在由${name}为您服务`,
  calling: '已为您联系人工客服，请在此等候回复。',
  sending: '正在发送…',
  waiting: '等待连接',
  failed: '未发送',
  retry: '重试',
  picture: (name) => `${name}发来的图片`,
  openPicture: '在新标签页中打开',
  pictureGone: '打开图片',
  file: '打开附件',
  cards: (count) => `${count} 张卡片`,
  data: '数据',
  connecting: '正在连接…',
  reconnecting: '连接已断开，正在重新连接…',
  offline: '您已离线，恢复连接后会自动发送消息。',
  refused: '暂时无法从这里连接该机器人，正在重试…',
  ready: '就绪',
  asleep: '机器人正在休眠，发送消息即可唤醒。',
  waking: '机器人正在启动…',
  draining: '机器人正在切换到新版本…',
  training: (percent, eta) =>
    `机器人正在训练：${percent} %${eta === null ? '' : `，大约还需 ${span(eta, ' 秒', ' 分钟')}`}`,
  trainingBar: '训练进度',
  problem: (words) => `机器人暂时无法回答：${words}`,
  untrained: '这个机器人还没有训练过。',
  engine: { rasa: 'Rasa', lite: '精简版（此处未安装 Rasa，仅为简单搜索）', remote: '远程 Rasa 服务器' },
};

/** Whole seconds up to a minute and a half, then minutes. */
const span = (seconds: number, s: string, min: string): string =>
  seconds < 90 ? `${Math.max(1, Math.round(seconds))}${s}` : `${Math.round(seconds / 60)}${min}`;

/** The words as a bot's author put them. */
export function inOwnWords(words: Words, own: Appearance['texts'] = {}): Words {
  const said = Object.entries(own).map(([name, text]) => [
    name,
    typeof words[name as keyof Words] === 'function' ? (who: string) => text.replaceAll('{name}', who) : text,
  ]);
  return { ...words, ...(Object.fromEntries(said) as Partial<Words>) };
}

const rightToLeft = /^(?:ar|fa|he|iw|ur|yi|ps|sd|ug|dv|ckb)\b/i;
/** Which way the chat is written, by the language that the page asks for. */
export const directionOf = (language: string | null): 'rtl' | 'ltr' =>
  language !== null && rightToLeft.test(language) ? 'rtl' : 'ltr';

/** The words of the first of these language tags that we have; English when we have none. */
export function wordsFor(languages: readonly (string | null)[]): Words {
  const first = languages.find((tag) => /^(en|zh)\b/i.test(tag ?? ''));
  const words = first?.toLowerCase().startsWith('zh') ? chinese : english;
  return { ...words, locale: languages.find((tag) => tag?.startsWith(`${words.lang}-`)) ?? words.lang };
}
