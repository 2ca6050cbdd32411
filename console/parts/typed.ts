/** What somebody has typed on while what stood before was being sent. */
export function typedSince(sent: string, now: string): string {
  const text = now.trimStart();
  return text.startsWith(sent) ? text.slice(sent.length).trimStart() : now;
}
