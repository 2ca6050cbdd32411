/** Where the person writes. */
import { el, icon } from './dom.js';
import type { Words } from './text.js';

export interface Composer {
  readonly element: HTMLElement;
  focus(): void;
}

/** As many characters as the hub takes. */
const longest = '8000';

/** `say` gets what was written, without the blanks around it. */
export function createComposer({ words, say }: { words: Words; say: (text: string) => void }): Composer {
  const input = el('textarea', {
    id: 'message',
    rows: '1',
    maxlength: longest,
    placeholder: words.placeholder,
    dir: 'auto',
  });
  input.setAttribute('aria-describedby', 'hint');
  input.setAttribute('enterkeyhint', 'send');
  const button = el(
    'button',
    { type: 'submit', class: 'send', 'aria-label': words.send, title: words.send, disabled: true },
    icon('send'),
  );
  const label = el('label', { class: 'sr', for: 'message' }, words.message);
  const hint = el('p', { class: 'hint', id: 'hint' }, words.hint);
  const form = el('form', { class: 'composer' }, label, el('div', { class: 'field' }, input, button), hint);

  const fit = (): void => {
    button.disabled = input.value.trim() === '';
    input.style.height = 'auto';
    input.style.height = `${input.scrollHeight}px`;
  };
  const submit = (): void => {
    const text = input.value.trim();
    if (text === '') return;
    input.value = '';
    fit();
    say(text);
    input.focus();
  };
  input.addEventListener('input', fit);
  input.addEventListener('keydown', (event) => {
    // An Enter that ends the composition of a Chinese word is not meant for us.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  return { element: form, focus: () => input.focus() };
}
