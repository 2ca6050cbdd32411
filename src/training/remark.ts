/** What is said of something that a person gave: in English, and by its kind with what it quotes, so that another language can say it too. Pure. */

export interface Remark<Kind extends string = string> {
  kind: Kind;
  detail: string;
  /** What `detail` quotes, in its order. */
  quotes: string[];
}

export function remark<Kind extends string>(
  kind: Kind,
  detail: string,
  quotes: readonly (string | number)[] = [],
): Remark<Kind> {
  return { kind, detail, quotes: quotes.map(String) };
}
