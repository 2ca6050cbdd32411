/** Cutting text to a platform's limits, never through a character as people see it. */
import type { Run } from './markdown.js';

/** How long a run becomes on the platform: its text, and the markup around it. */
export interface Measure {
  text(text: string): number;
  around(run: Run): number;
}

const graphemes = new Intl.Segmenter();

/** Longest beginning of `text` that measures at most `room`, in whole graphemes. */
function fitting(text: string, room: number, measure: Measure['text']): number {
  if (measure(text) <= room) return text.length;
  let length = 0;
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += measure(segment);
    if (used > room) return length;
    length += segment.length;
  }
  return length;
}
/** The same in code points, for a grapheme that alone is over the limit. */
function codePoints(text: string, room: number, measure: Measure['text']): number {
  let length = 0;
  let used = 0;
  for (const point of text) {
    used += measure(point);
    if (used > room) break;
    length += point.length;
  }
  return Math.max(length, 1);
}

/** A better place to cut than `end`: after the last line break, else the last space, of its second half. */
function cutBefore(text: string, end: number): number {
  const part = text.slice(0, end + 1);
  for (const gap of ['\n', ' ']) {
    const at = part.lastIndexOf(gap);
    if (at > end / 2) return at;
  }
  return end;
}

/** Distributes the runs over as few pieces as fit, each measuring at most `limit`. */
export function piecesOf(runs: Run[], limit: number, measure: Measure): Run[][] {
  const pieces: Run[][] = [];
  let piece: Run[] = [];
  let room = limit;
  const flush = (): void => {
    if (piece.some(({ text }) => text.trim() !== '')) pieces.push(piece);
    piece = [];
    room = limit;
  };
  for (const run of runs) {
    for (let rest = run.text; rest !== '';) {
      const space = room - measure.around(run);
      const fits = fitting(rest, space, measure.text);
      if (fits === 0 && piece.length > 0) {
        flush();
        continue;
      }
      const whole = fits === rest.length;
      const end = whole ? fits : cutBefore(rest, fits || codePoints(rest, space, measure.text));
      const text = rest.slice(0, end);
      piece.push({ ...run, text });
      room = space - measure.text(text);
      rest = rest.slice(end);
      if (whole) break;
      flush();
      rest = rest.replace(/^[\n ]/, '');
    }
  }
  flush();
  return pieces;
}

/** At most `max` UTF-16 units of `text`, with an ellipsis where something is missing. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(
    0,
    fitting(text, max - 1, (part) => part.length),
  )}…`;
}
