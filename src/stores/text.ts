/**
 * Strings as the databases can hold them. They keep UTF-8: a lone surrogate would come back as U+FFFD (so two different ids would become
 * one), and text after a NUL is invisible to SQL. Such characters are stored as DLE and four hex digits, DLE itself too, so the way back is exact.
 */

const everyUnsafe = /[\0\x10\p{Surrogate}]/gu;
const everyEscape = /\x10([0-9a-f]{4})/g;

/** A string as it is given to a database; `fromColumn` undoes it. Different strings stay different. */
export function toColumn(text: string): string {
  if (text.isWellFormed() && !text.includes('\x10') && !text.includes('\0')) return text;
  return text.replace(everyUnsafe, (character) => `\x10${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Does `fromColumn` answer another string for it? */
export function isEscaped(text: string): boolean {
  return text.includes('\x10');
}

/** The string that `toColumn` was given. */
export function fromColumn(text: string): string {
  if (!isEscaped(text)) return text;
  return text.replace(everyEscape, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
