/** What is said of something that a person gave: in English, and by its kind with what it quotes, so that another language can say it too. Pure. */

export interface Remark<Kind extends string = string> {
  kind: Kind;
  detail: string;
  /** What `detail` quotes, in its order. */
  quotes: string[];
}

/** `say` makes the sentence of what it quotes. */
export function remark<Kind extends string>(
  kind: Kind,
  quoted: readonly (string | number)[],
  say: (...quotes: string[]) => string,
): Remark<Kind> {
  const quotes = quoted.map(String);
  return { kind, detail: say(...quotes), quotes };
}
