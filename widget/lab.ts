/** The page of `switchboard lab`: the emulated platform's chat, and buttons for what a platform may do to a hub. */
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
  lines: Line[];
}
/** How often the page looks for news. */
const lookMs = 300;

const input = el('input', { name: 'text', 'aria-label': 'Message', placeholder: 'Message', autocomplete: 'off' });
const list = el('ol', { 'aria-live': 'polite' });
const title = el('h1', {}, 'Switchboard lab');
const subtitle = el('p', {}, 'Connecting…');

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
function button(words: string, hint: string, press: () => void): HTMLButtonElement {
  const made = el('button', { type: 'button', title: hint }, words);
  made.addEventListener('click', press);
  return made;
}

function lineOf({ who, text, buttons, sent }: Line): HTMLLIElement {
  const choices = buttons.map(({ id, title: words }) =>
    button(words, 'Press it', () => void act({ kind: 'press', button: id })),
  );
  const raw = sent
    ? [el('details', {}, el('summary', {}, 'What the hub sent'), el('pre', {}, JSON.stringify(sent, null, 2)))]
    : [];
  return el(
    'li',
    { class: who },
    el('span', {}, text),
    ...(choices.length > 0 ? [el('div', {}, ...choices)] : []),
    ...raw,
  );
}

function show({ platform, appId, bot, lines }: State): void {
  title.textContent = `${bot} on an emulated ${platform[0]?.toUpperCase() ?? ''}${platform.slice(1)}`;
  subtitle.textContent = `${appId}. What you type is signed and delivered as ${platform} does it; no account is needed.`;
  const news = lines.slice(list.children.length);
  if (news.length === 0) return;
  list.append(...news.map(lineOf));
  list.scrollTop = list.scrollHeight;
}

async function look(): Promise<void> {
  try {
    show((await (await fetch('/state')).json()) as State);
  } catch {
    subtitle.textContent = 'The lab has ended: start it again in the terminal.';
  }
  setTimeout(() => void look(), lookMs);
}

const form = el(
  'form',
  {},
  input,
  el('button', { type: 'submit' }, 'Send'),
  button('Send twice', 'Deliver one message twice, as a platform does that saw no receipt', () => say('duplicate')),
  button('Send, then limit', 'Answer the reply with 429 first', () => say('limited')),
  button('Forge', 'Deliver something that the platform never signed', () => void act({ kind: 'forged' })),
);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  say('say');
});
document.body.append(el('main', {}, el('header', {}, title, subtitle), list, form));
input.focus();
void look();
