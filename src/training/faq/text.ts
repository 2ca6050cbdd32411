/** The text of a table that somebody saved, whatever his program took for an encoding. The only importer of chardet. */
import { analyse } from 'chardet';

const marks: [number[], string][] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
];
/** What tables come in, besides Unicode: Chinese, Japanese, Korean, Western. Another guess of the detector is none. */
const known = ['GB18030', 'Big5', 'Shift_JIS', 'EUC-KR', 'EUC-JP', 'windows-1252', 'ISO-8859-1', 'windows-1251'];

export interface DecodedText {
  text: string;
  encoding: string;
}

/** Never fails: what fits nothing is read as windows-1252, in which every byte is a character. */
export function decoded(bytes: Buffer): DecodedText {
  const encoding = encodingOf(bytes);
  return { text: new TextDecoder(encoding).decode(bytes), encoding };
}

function encodingOf(bytes: Buffer): string {
  const mark = marks.find(([start]) => start.every((byte, at) => bytes[at] === byte));
  if (mark) return mark[1];
  const head = bytes.subarray(0, 4000);
  const zeros = [0, 1].map((odd) => head.filter((byte, at) => byte === 0 && at % 2 === odd).length);
  if (Math.max(...zeros) > head.length / 8) return (zeros[1] ?? 0) > (zeros[0] ?? 0) ? 'utf-16le' : 'utf-16be';
  if (fits('utf-8', bytes)) return 'utf-8';
  const guesses = analyse(bytes.subarray(0, 200_000)).map(({ name }) => name);
  return guesses.find((name) => known.includes(name) && fits(name, bytes)) ?? 'windows-1252';
}

function fits(encoding: string, bytes: Buffer): boolean {
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
