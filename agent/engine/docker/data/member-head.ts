import type { LargeFile } from '../../../precopy/delta-stream.ts';
import { blockBytes, checksumOf, type MemberHead, octal, wholeNumber } from './tar-members.ts';

/** Headers of members that the agent itself puts into a tar, and what they say. */

/**
 * A directory's member in a tar with nothing but its name and mode: its owner, times and attributes come in another member.
 * Its mode has to be in both: GNU tar takes a mode of 0 for one that it need not set where another process made the directory.
 */
export const bareDirectory = (path: string, mode: number): Buffer =>
  encodeHead('5', { path, mode, size: 0, uid: 0, gid: 0, mtime: '0' });

/** What comes before a file's contents, in POSIX format. */
export const fileHead = (file: LargeFile): Buffer => encodeHead('0', file);

export const modeOf = ({ raw }: MemberHead): number => octal(raw.at(-1)!.subarray(100, 108));

/** Null unless it is a regular file without holes and attributes. Throws `manifest_mismatch` for what is no number. */
export function plainFileOf(head: MemberHead): LargeFile | null {
  const { type, path, records, raw } = head;
  if (type !== '0' || [...records.keys()].some((key) => !plainRecords.includes(key))) return null;
  const header = raw.at(-1)!;
  const number = (key: string, from: number, to: number) => {
    const record = records.get(key);
    return record === undefined ? octal(header.subarray(from, to)) : wholeNumber(record);
  };
  return {
    path,
    mode: modeOf(head) & 0o7777,
    uid: number('uid', 108, 116),
    gid: number('gid', 116, 124),
    size: number('size', 124, 136),
    mtime: records.get('mtime') ?? String(octal(header.subarray(136, 148))),
  };
}

const plainRecords = ['path', 'mtime', 'size', 'uid', 'gid'];
const [idMax, sizeMax] = [0o7777777, 0o77777777777];

/** What does not fit a ustar header, its name in any case, stands in an extended header before it. */
function encodeHead(type: '0' | '5', { path, size, mode, uid, gid, mtime }: LargeFile): Buffer {
  const records = [recordOf('path', `./${path}`)];
  if (mtime !== '0') records.push(recordOf('mtime', mtime));
  if (size > sizeMax) records.push(recordOf('size', String(size)));
  if (uid > idMax) records.push(recordOf('uid', String(uid)));
  if (gid > idMax) records.push(recordOf('gid', String(gid)));
  const extended = Buffer.concat(records);
  return Buffer.concat([
    headerOf('x', [mode, 0, 0, extended.length]),
    extended,
    paddingAfter(extended.length),
    headerOf(type, [mode, uid > idMax ? 0 : uid, gid > idMax ? 0 : gid, size > sizeMax ? 0 : size]),
  ]);
}

/** Zeros up to a whole block. */
export const paddingAfter = (bytes: number): Buffer => Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes);

function headerOf(type: 'x' | '0' | '5', [mode, uid, gid, size]: [number, number, number, number]): Buffer {
  const header = Buffer.alloc(blockBytes);
  const octalAt = (number: number, at: number, digits: number) =>
    header.write(number.toString(8).padStart(digits, '0'), at, 'latin1');
  header.write('member', 0, 'latin1');
  octalAt(mode, 100, 7);
  octalAt(uid, 108, 7);
  octalAt(gid, 116, 7);
  octalAt(size, 124, 11);
  octalAt(0, 136, 11);
  header.write(type, 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  octalAt(checksumOf(header), 148, 6);
  return header;
}

/** `<length> <key>=<value>\n`; the length counts all of the record, its own digits too. */
function recordOf(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`, 'latin1');
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
