/** The page where people sign in, take an invitation, or set a new password: which of them is said by what stands after the #. */
import { el } from './dom.js';

interface Problem {
  code: string;
  detail: string;
}
interface LinkFacts {
  kind: 'invitation' | 'reset';
  login: string | null;
}
interface Ways {
  registration: boolean;
  provider: boolean;
}
interface Field {
  name: 'login' | 'name' | 'password';
  label: string;
  hint?: string;
  value?: string;
  fixed?: boolean;
  autocomplete: string;
}
interface Form {
  title: string;
  fields: Field[];
  submit: string;
  method: 'POST' | 'PUT';
  path: string;
  more?: Record<string, string>;
}

const english = {
  lang: 'en',
  signIn: 'Sign in',
  welcome: 'Create your account',
  newPassword: 'Set a new password',
  register: 'Create an account',
  login: 'E-mail address',
  name: 'Your name',
  password: 'Password',
  passwordHint: 'At least 10 characters; a few words are easy to keep.',
  create: 'Create account',
  save: 'Save and sign in',
  provider: 'Sign in with your organisation',
  registerInstead: 'No account yet? Create one',
  done: (name: string) => `You are signed in as ${name}.`,
  onward: 'Go on',
  signOut: 'Sign out',
  wrong: 'That name and password do not fit.',
  over: 'This link was used already or is too old. Ask an admin for a new one.',
  taken: 'There is an account of that name already.',
  throttled: (seconds: string) => `Too many tries. Try again in ${seconds} s.`,
  offline: 'The hub does not answer. Try again in a moment.',
};
const chinese: typeof english = {
  lang: 'zh',
  signIn: '登录',
  welcome: '创建您的账户',
  newPassword: '设置新密码',
  register: '注册账户',
  login: '电子邮箱',
  name: '您的姓名',
  password: '密码',
  passwordHint: '至少 10 个字符，几个词组合起来更容易记住。',
  create: '创建账户',
  save: '保存并登录',
  provider: '使用组织账户登录',
  registerInstead: '还没有账户？注册一个',
  done: (name) => `您已登录：${name}`,
  onward: '继续',
  signOut: '退出登录',
  wrong: '用户名或密码不正确。',
  over: '此链接已使用或已过期，请向管理员索取新链接。',
  taken: '该用户名已被使用。',
  throttled: (seconds) => `尝试次数过多，请在 ${seconds} 秒后重试。`,
  offline: '系统没有响应，请稍后再试。',
};
/** Of the session that is open. */
let csrf = '';
const words = /^zh\b/i.test(navigator.language) ? chinese : english;

const api = (path: string, method = 'GET', body?: object): Promise<Response> =>
  fetch(`/api/v1${path}`, {
    method,
    headers: { ...(body && { 'content-type': 'application/json' }), ...(csrf && { 'x-csrf-token': csrf }) },
    ...(body && { body: JSON.stringify(body) }),
  });

/** What went wrong, in the words of this page where it has them. */
async function wordsOf(response: Response): Promise<string> {
  const { code, detail } = (await response.json()) as Problem;
  if (code === 'wrong_password') return words.wrong;
  if (code === 'link_over') return words.over;
  if (code === 'user_exists') return words.taken;
  if (code === 'throttled' || code === 'rate_limited')
    return words.throttled(response.headers.get('retry-after') ?? '');
  return detail;
}

function fieldOf({ name, label, hint, value = '', fixed = false, autocomplete }: Field): HTMLLabelElement {
  const type = name === 'password' ? 'password' : 'text';
  const input = el('input', { name, type, value, readonly: fixed, autocomplete, required: true });
  if (!hint) return el('label', {}, label, input);
  input.setAttribute('aria-describedby', `${name}-hint`);
  return el('label', {}, label, input, el('span', { class: 'hint', id: `${name}-hint` }, hint));
}

function show(...content: (Node | string)[]): void {
  const main = document.querySelector('main');
  main?.replaceChildren(...content);
  main?.querySelector<HTMLElement>('input:not([readonly]), a, button')?.focus();
}

function showForm(form: Form, ...below: Node[]): void {
  const alert = el('p', { role: 'alert' });
  const button = el('button', {}, form.submit);
  const element = el('form', {}, ...form.fields.map(fieldOf), alert, button);
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    alert.textContent = '';
    button.disabled = true;
    const given = Object.fromEntries(new FormData(element)) as Record<string, string>;
    api(form.path, form.method, { ...form.more, ...given })
      .then(async (response) => {
        if (response.ok) return arrived();
        alert.textContent = await wordsOf(response);
      })
      .catch(() => (alert.textContent = words.offline))
      .finally(() => (button.disabled = false));
  });
  document.title = form.title;
  show(el('h1', {}, form.title), element, ...below);
}

const login: Field = { name: 'login', label: words.login, autocomplete: 'username' };
const name: Field = { name: 'name', label: words.name, autocomplete: 'name' };
const secret: Field = { name: 'password', label: words.password, autocomplete: 'current-password' };
const fresh: Field = { ...secret, hint: words.passwordHint, autocomplete: 'new-password' };

async function showSignIn(): Promise<void> {
  const ways = (await (await api('/session/ways')).json()) as Ways;
  const below: Node[] = [];
  if (ways.provider) below.push(el('p', {}, el('a', { class: 'button', href: '/sign-in/provider' }, words.provider)));
  if (ways.registration) {
    const link = el('a', { href: '#register' }, words.registerInstead);
    below.push(el('p', {}, link));
  }
  showForm(
    { title: words.signIn, fields: [login, secret], submit: words.signIn, method: 'POST', path: '/session' },
    ...below,
  );
}

function showRegistration(): void {
  showForm({
    title: words.register,
    fields: [login, name, fresh],
    submit: words.create,
    method: 'POST',
    path: '/registrations',
  });
}

async function showLink(token: string): Promise<void> {
  const response = await api('/session/link', 'POST', { token });
  if (!response.ok) {
    show(
      el('h1', {}, words.signIn),
      el('p', { role: 'alert' }, words.over),
      el('p', {}, el('a', { href: '/sign-in' }, words.signIn)),
    );
    return;
  }
  const facts = (await response.json()) as LinkFacts;
  const whose: Field = facts.login === null ? login : { ...login, value: facts.login, fixed: true };
  const invited = facts.kind === 'invitation';
  showForm({
    title: invited ? words.welcome : words.newPassword,
    fields: invited ? [whose, name, fresh] : [whose, fresh],
    submit: invited ? words.create : words.save,
    method: 'PUT',
    path: '/session/link',
    more: { token },
  });
}

/** Signed in: says as whom. The link's secret goes out of the address, so that it is not in the history. */
async function arrived(): Promise<void> {
  history.replaceState(null, '', '/sign-in');
  await start();
}

async function start(): Promise<void> {
  document.documentElement.lang = words.lang;
  const token = location.hash.slice(1);
  if (token === 'register') return void showRegistration();
  if (token !== '') return showLink(token);
  const response = await api('/session');
  csrf = '';
  if (!response.ok) return showSignIn();
  const { name: who, csrfToken } = (await response.json()) as { name: string; csrfToken: string };
  csrf = csrfToken;
  const out = el('button', {}, words.signOut);
  out.addEventListener('click', () => void api('/session', 'DELETE').then(start));
  show(el('h1', {}, words.done(who)), el('p', {}, el('a', { href: '/console/' }, words.onward)), el('p', {}, out));
}

addEventListener('hashchange', () => void start());
void start();
