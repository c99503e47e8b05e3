import { blockBytes, checksumOf, type MemberHead } from './tar-members.ts';

/**
 * A directory's member in a tar with nothing but its name and mode: its owner, times and attributes come in another tar. Its
 * mode has to be in both: GNU tar takes a mode of 0 for one that it need not set where another process made the directory.
 */
export function bareDirectory({ path, raw }: Pick<MemberHead, 'path' | 'raw'>): Buffer {
  const mode = raw.at(-1)!.subarray(modeAt, modeAt + modeBytes);
  const name = Buffer.from(`./${path}`, 'latin1');
  const record = recordOf('path', name);
  const contents = Buffer.alloc(Math.ceil(record.length / blockBytes) * blockBytes);
  record.copy(contents);
  return Buffer.concat([headerOf('x', record.length, mode), contents, headerOf('5', 0, mode)]);
}

const modeAt = 100;
const modeBytes = 8;

/** In ustar format, of root; its name stands in a record before it. */
function headerOf(type: 'x' | '5', size: number, mode: Buffer): Buffer {
  const header = Buffer.alloc(blockBytes);
  const octal = (number: number, at: number, digits: number) =>
    header.write(number.toString(8).padStart(digits, '0'), at, 'latin1');
  header.write('directory', 0, 'latin1');
  mode.copy(header, modeAt);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  header.write(type, 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  octal(checksumOf(header), 148, 6);
  return header;
}

/** `<length> <key>=<value>\n`; the length counts all of the record, its own digits too. */
function recordOf(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
