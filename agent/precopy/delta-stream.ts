import { dirname } from 'node:path';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { createRest } from './rest.ts';

/**
 * What one lane of a pre-copy carries: the changes of a volume, as sections.
 *
 *   begin    whole | changes          whole: the destination is emptied first
 *   then per pass, in this order
 *   remove   path …                   NUL-terminated, includes entries that changed their type
 *   rename   large file …             the next `file` section uses the new name
 *   strip    directory …              NUL-terminated; removes their attributes: the tar brings the current ones, and
 *                                     entries created in them inherit nothing
 *   file     large file … block …     written in place, created if missing
 *   tar      piece …                  all other changed entries, ended by an empty piece
 *   end
 *
 * A section is: type u8 | length u32 | data. Lengths and offsets are big endian; paths are bytes, not text.
 */
export const sectionType = { begin: 1, remove: 2, file: 3, block: 4, tar: 5, end: 6, rename: 7, strip: 8 } as const;
const sectionHeaderBytes = 5;
/** A block section's data starts with its offset in the file, u64. */
const blockOffsetBytes = 8;
/** Bytes before the data of a block. */
export const blockHeaderBytes = sectionHeaderBytes + blockOffsetBytes;
const sectionBytesMax = blockOffsetBytes + limits.warm.readBytes;

export type Section =
  | { kind: 'begin'; whole: boolean }
  | { kind: 'remove' | 'strip'; data: Buffer }
  | { kind: 'rename'; rename: Rename }
  | { kind: 'file'; file: LargeFile }
  | { kind: 'block'; offset: number; data: Buffer }
  | { kind: 'tar'; data: Buffer }
  | { kind: 'end' };

/** A file sent block by block; blocks that are not sent are as the target has them, or holes. */
export interface LargeFile {
  path: string;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  /** Seconds since 1970 with nine decimals, negative for earlier times. */
  mtime: string;
}

/** A rename within one directory; the two names never existed at the same time. */
export interface Rename {
  from: string;
  to: string;
}

/** Paths are latin1 strings throughout, because file names are bytes. */
export const pathBytes = (path: string): Buffer => Buffer.from(path, 'latin1');

export function encodeSection(kind: keyof typeof sectionType, ...data: Buffer[]): Buffer {
  const header = Buffer.allocUnsafe(sectionHeaderBytes);
  header.writeUInt8(sectionType[kind], 0);
  header.writeUInt32BE(
    data.reduce((sum, { length }) => sum + length, 0),
    1,
  );
  return Buffer.concat([header, ...data]);
}

export const encodeBegin = (whole: boolean): Buffer => encodeSection('begin', Buffer.from([whole ? 1 : 0]));

export function encodeFile({ path, size, mode, uid, gid, mtime }: LargeFile): Buffer {
  return encodeSection('file', Buffer.from(`${size} ${mode} ${uid} ${gid} ${mtime}\0${path}`, 'latin1'));
}

export const encodeRename = ({ from, to }: Rename): Buffer =>
  encodeSection('rename', Buffer.from(`${from}\0${to}`, 'latin1'));

/** Writes the header of a block of `bytes` that lies at `offset` in its file. */
export function writeBlockHeader(into: Buffer, at: number, offset: number, bytes: number): void {
  into.writeUInt8(sectionType.block, at);
  into.writeUInt32BE(blockOffsetBytes + bytes, at + 1);
  into.writeBigUInt64BE(BigInt(offset), at + sectionHeaderBytes);
}

/**
 * Splits a stream, in pieces of any size, into sections. The data of a block or tar is passed on as it arrives, in
 * several sections if needed; other sections once complete. Throws `transfer_protocol`.
 */
export function createSectionReader(): (piece: Buffer) => Generator<Section> {
  const rest = createRest();
  let contents: Contents | null = null;
  return function* read(piece) {
    let bytes = rest.with(piece);
    const take = (count: number) => {
      const taken = bytes.subarray(0, count);
      bytes = bytes.subarray(count);
      return taken;
    };
    for (;;) {
      if (contents && contents.left > 0) {
        const data = take(Math.min(contents.left, bytes.length));
        if (data.length === 0) break;
        contents.left -= data.length;
        yield contents.section(data);
        continue;
      }
      if (bytes.length < sectionHeaderBytes) break;
      const type = bytes.readUInt8(0);
      const length = bytes.readUInt32BE(1);
      if (length > sectionBytesMax) throw broken(`a section of ${length} bytes`);
      const gathered = type === sectionType.block ? blockOffsetBytes : type === sectionType.tar ? 0 : length;
      if (gathered > length) throw broken('a block without its place');
      if (bytes.length < sectionHeaderBytes + gathered) break;
      const data = take(sectionHeaderBytes + gathered).subarray(sectionHeaderBytes);
      contents = contentsOf(type, data, length - gathered);
      if (contents?.left === 0) yield contents.section(Buffer.alloc(0));
      if (!contents) yield decode(type, data);
    }
    rest.keep(bytes);
  };
}

interface Contents {
  left: number;
  section(data: Buffer): Section;
}

/** Returns the state of a section whose data is passed on as it arrives, null for any other. */
function contentsOf(type: number, head: Buffer, left: number): Contents | null {
  if (type === sectionType.tar) return { left, section: (data) => ({ kind: 'tar', data }) };
  if (type !== sectionType.block) return null;
  let offset = offsetOf(head);
  return {
    left,
    section(data) {
      const at = offset;
      offset += data.length;
      return { kind: 'block', offset: at, data };
    },
  };
}

function decode(type: number, data: Buffer): Section {
  switch (type) {
    case sectionType.begin:
      return { kind: 'begin', whole: data[0] === 1 };
    case sectionType.remove:
      return { kind: 'remove', data };
    case sectionType.strip:
      return { kind: 'strip', data };
    case sectionType.rename:
      return { kind: 'rename', rename: decodeRename(data.toString('latin1')) };
    case sectionType.file:
      return { kind: 'file', file: decodeFile(data.toString('latin1')) };
    case sectionType.end:
      return { kind: 'end' };
    default:
      throw broken(`a section of type ${type}`);
  }
}

const fileRecord = /^(\d{1,16}) (\d{1,5}) (\d{1,10}) (\d{1,10}) (-?\d{1,12}\.\d{9})\0([^\0]+)$/s;

function decodeFile(text: string): LargeFile {
  const [, size, mode, uid, gid, mtime, path] = fileRecord.exec(text) ?? [];
  if (!path || !mtime || path.length > limits.warm.pathBytesMax) throw broken('a file that cannot be read');
  return { path, size: Number(size), mode: Number(mode), uid: Number(uid), gid: Number(gid), mtime };
}

function decodeRename(text: string): Rename {
  const [from, to, ...rest] = text.split('\0');
  if (!from || !to || rest.length > 0 || dirname(from) !== dirname(to)) throw broken('a rename that cannot be read');
  return { from, to };
}

function offsetOf(data: Buffer): number {
  const offset = data.readBigUInt64BE();
  if (offset > Number.MAX_SAFE_INTEGER) throw broken('a block beyond any file');
  return Number(offset);
}

export const broken = (what: string) => new StackferryError('transfer_protocol', `The source sent ${what}.`);
