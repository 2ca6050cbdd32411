/** Archives for tests, byte by byte: good ones of given files, and forty that mean harm. */
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

/** What an entry says of itself; all but name and data follow from these when absent. */
export interface ZipEntry {
  name: string | Buffer;
  data?: string | Buffer;
  method?: number;
  flags?: number;
  /** Upper half of the external attributes: the file type and mode of Unix. */
  mode?: number;
  declared?: number;
  /** Points at the bytes of an earlier entry. */
  sameBytesAs?: number;
}
export interface TarEntry {
  name: string;
  data?: string | Buffer;
  type?: string;
  link?: string;
  declared?: number;
  checksum?: number;
}

const bytesOf = (text: string | Buffer): Buffer => (typeof text === 'string' ? Buffer.from(text) : text);

export function zipOf(entries: ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const { name, data = '', method = 8, flags = 0x800, mode = 0o100644, declared, sameBytesAs } of entries) {
    const [raw, label] = [bytesOf(data), bytesOf(name)];
    const packed = method === 8 ? deflateRawSync(raw) : raw;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(raw), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(declared ?? raw.length, 18);
    common.writeUInt16LE(label.length, 22);
    const at = sameBytesAs === undefined ? offset : (offsets[sameBytesAs] ?? 0);
    offsets.push(at);
    if (sameBytesAs === undefined) {
      const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, label, packed]);
      parts.push(local);
      offset += local.length;
    }
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(at, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), Buffer.from([20, 3]), common, tail, label]));
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

export function tarOf(entries: TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, data = '', type = '0', link = '', declared, checksum }) => {
    const raw = bytesOf(data);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write('0000644\0', 100);
    header.write('0000000\x000000000\0', 108, 'latin1');
    header.write(`${(declared ?? raw.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write('ustar\x0000', 257, 'latin1');
    const sum = checksum ?? header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, raw, Buffer.alloc((512 - (raw.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
export const tarGzOf = (entries: TarEntry[]): Buffer => gzipSync(tarOf(entries));

/** The files of a small project that trains without TensorFlow. */
export const smallProject: Record<string, string> = {
  'config.yml':
    'recipe: default.v1\nlanguage: en\npipeline:\n- name: WhitespaceTokenizer\n- name: KeywordIntentClassifier\npolicies:\n- name: RulePolicy\n',
  'domain.yml': 'version: "3.0"\nintents: [greet]\nresponses:\n  utter_greet: [{text: "Hello there."}]\n',
  'data/nlu.yml': 'version: "3.0"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n    - good morning\n',
  'data/rules.yml': 'version: "3.0"\nrules:\n- rule: greet\n  steps: [{intent: greet}, {action: utter_greet}]\n',
};
export const entriesOf = (files: Record<string, string>, folder = ''): { name: string; data: string }[] =>
  Object.entries(files).map(([name, data]) => ({ name: `${folder}${name}`, data }));

const good = entriesOf(smallProject);
const zip = (...more: ZipEntry[]): Buffer => zipOf([...good, ...more]);
const tar = (...more: TarEntry[]): Buffer => tarGzOf([...good, ...more]);
const evil = (name: string, words: RegExp): [string, Buffer, RegExp] => [
  `zip with ${JSON.stringify(name.slice(0, 40))}`,
  zip({ name, data: 'evil: true\n' }),
  words,
];
/** How large bombs grow; a test needs no more than is refused. */
const bombBytes = Number(process.env['BOMB_BYTES'] ?? 15_000_000);

/** Name, archive, and the word that its refusal must have. Each is a good project but for one thing. */
export function hostileArchives(): [string, Buffer, RegExp][] {
  const zeros = Buffer.alloc(bombBytes);
  const bomb = deflateRawSync(zeros);
  const unix = (mode: number): Buffer => zip({ name: 'data/extra.yml', data: '/etc/passwd', mode });
  return [
    evil('../evil.yml', /leads out/),
    evil('data/../../evil.yml', /leads out/),
    evil('data/..', /leads out/),
    evil('/etc/evil.yml', /absolute/),
    evil('C:/evil.yml', /drive/),
    evil('c:evil.yml', /drive/),
    evil('..\\evil.yml', /backslash/),
    evil('data\\evil.yml', /backslash/),
    evil('\\\\server\\share\\evil.yml', /backslash/),
    evil('data//evil.yml', /empty folder name/),
    evil('data/evil\0.yml', /cannot be seen/),
    evil('data/\u202eevil.yml', /cannot be seen/),
    evil('data/ev\u200bil.yml', /cannot be seen/),
    evil('data/con.yml', /Windows device/),
    evil('data/NUL', /Windows device/),
    evil('LPT1.evil/x.yml', /Windows device/),
    evil('data/evil.yml ', /blank or a dot/),
    evil('data./evil.yml', /blank or a dot/),
    evil('data/evil.yml:stream', /Windows cannot have/),
    evil('data/ev?il.yml', /Windows cannot have/),
    evil(`data/${'e'.repeat(500)}.yml`, /400 characters/),
    evil(`${'a/'.repeat(25)}evil.yml`, /20 folders deep/),
    evil('__proto__/evil.yml', /reserved/),
    evil('', /no name/),
    evil('domain.yml', /twice/),
    evil('Domain.yml', /twice/),
    evil('data/NLU.yml', /twice/),
    evil('data', /twice/),
    evil('domain.yml/evil.yml', /twice/),
    ['zip with two ways of writing é', zip({ name: 'data/\u00e9.yml' }, { name: 'data/e\u0301.yml' }), /two ways/],
    ['zip with a symbolic link', unix(0o120777), /a link/],
    ['zip with a device', unix(0o060644), /a device/],
    ['zip with a pipe', unix(0o010644), /a pipe/],
    ['zip with a secret entry', zip({ name: 'data/extra.yml', data: 'x', flags: 0x801 }), /encrypted/],
    ['zip with an unknown method', zip({ name: 'data/extra.yml', data: 'x', method: 99 }), /damaged/],
    ['zip that is cut off', zip().subarray(0, -40), /damaged/],
    [
      'zip with 5,001 entries',
      zip(...Array.from({ length: 5001 }, (_, at) => ({ name: `d/${at}.txt` }))),
      /5000 entries/,
    ],
    ['bomb in a file that is read', zip({ name: 'data/extra.yml', data: zeros }), /larger than 5 MB/],
    ['bomb that says it is empty', zip({ name: 'data/extra.yml', data: zeros, declared: 0 }), /damaged|larger than/],
    ['bomb in a file that nobody wants', zip({ name: 'picture.png', data: zeros }), /times its size/],
    [
      'bomb of entries that share their bytes',
      zipOf([
        { name: 'a.yml', data: Buffer.alloc(4_000_000) },
        ...Array.from({ length: 60 }, (_, at) => ({
          name: `${at}.yml`,
          data: Buffer.alloc(4_000_000),
          sameBytesAs: 0,
        })),
      ]),
      /times its size|20 MB in all/,
    ],
    ['bomb as a gzip', tarGzOf([{ name: 'picture.png', data: zeros }]), /times its size/],
    ['bomb in a bomb', gzipSync(gzipSync(zeros)), /damaged|times its size/],
    ['bomb of raw deflate', Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), bomb]), /damaged/],
    ['tar with a name that leads out', tar({ name: '../evil.yml', data: 'x' }), /leads out/],
    ['tar with an absolute name', tar({ name: '/etc/evil.yml', data: 'x' }), /absolute/],
    ['tar with a symbolic link', tar({ name: 'data/extra.yml', type: '2', link: '/etc/passwd' }), /a link/],
    ['tar with a hard link', tar({ name: 'data/extra.yml', type: '1', link: 'config.yml' }), /a link/],
    ['tar with a character device', tar({ name: 'data/extra.yml', type: '3' }), /a device/],
    ['tar with a block device', tar({ name: 'data/extra.yml', type: '4' }), /a device/],
    ['tar with a pipe', tar({ name: 'data/extra.yml', type: '6' }), /a pipe/],
    ['tar with a file twice', tar({ name: 'config.yml', data: 'language: zh\n' }), /twice/],
    ['tar with a wrong checksum', tar({ name: 'data/extra.yml', checksum: 7 }), /damaged/],
    ['tar.gz that is cut off', tar().subarray(0, -30), /damaged/],
    ['tar that is cut off in a file', gzipSync(tarOf(good).subarray(0, 700)), /damaged/],
    ['rar', Buffer.from('Rar!\x1a\x07\x00 and so on', 'latin1'), /rar archive.*zip or tar\.gz/],
    ['7z', Buffer.from('7z\xbc\xaf\x27\x1c and so on', 'latin1'), /7z archive/],
    ['text', Buffer.from('language: en\n'), /no archive/],
    ['nothing', Buffer.alloc(0), /no archive/],
  ];
}
