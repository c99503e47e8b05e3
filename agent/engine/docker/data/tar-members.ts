import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';

export const blockBytes = 512;

/** What comes before a member's contents. Names are bytes, decoded as Latin-1, relative to the packed directory. */
export interface MemberHead {
  /** The type flag: '0' a file, '1' a hard link, '2' a symbolic link, '5' a directory, … */
  type: string;
  path: string;
  /** Where a link leads to. */
  link: string;
  /** Records of its extended header. */
  records: ReadonlyMap<string, string>;
  /** All of its header blocks, some of them slices of what was read. */
  raw: Buffer[];
}

export interface MemberReader {
  /** Returns false to have `take` return: the contents come with the next call. */
  begin(head: MemberHead): boolean;
  /** A piece of the contents; a slice of what was read. */
  data(bytes: Buffer): void;
  /** Zeros up to a whole block. */
  padding(bytes: Buffer): void;
  /** The member is whole, with its padding. */
  end(): void;
}

export interface TarParser {
  /**
   * Returns how many of the bytes it took: all, unless `begin` said otherwise. Throws `manifest_mismatch` if they are no tar
   * in POSIX format.
   */
  take(bytes: Buffer): number;
  /** The end mark has come; what follows is ignored. */
  ended(): boolean;
}

const nothing: Buffer = Buffer.alloc(0);
const joined = (parts: Buffer[]) => (parts.length === 1 ? parts[0]! : Buffer.concat(parts));

/** Takes a tar apart, in pieces of any size. Keeps nothing but the headers of the current member. */
export function parseTar(reader: MemberReader): TarParser {
  let raw: Buffer[] = [];
  let block = nothing;
  let records: Map<string, string> = new Map();
  /** Pieces of an extended header; null outside of one. */
  let extended: Buffer[] | null = null;
  let inMember = false;
  let left = 0;
  let padding = 0;
  let ended = false;
  let paused = false;

  const onHeader = (header: Buffer) => {
    const type = typeOf(header);
    raw.push(header);
    if (type === 'x') {
      if (raw.length > 1) throw unreadableTar();
      left = octal(header.subarray(124, 136));
      if (left > limits.agent.tarHeaderBytesMax) throw unreadableTar();
      extended = [];
    } else {
      const size = records.get('size');
      const head = headOf(type, header, records, raw);
      left = size === undefined ? octal(header.subarray(124, 136)) : wholeNumber(size);
      if (type !== '0' && left > 0) throw unreadableTar();
      inMember = true;
      raw = [];
      records = new Map();
      paused = !reader.begin(head);
    }
    padding = (blockBytes - (left % blockBytes)) % blockBytes;
  };
  const onContents = (bytes: Buffer) => {
    if (!extended) return reader.data(bytes);
    raw.push(bytes);
    extended.push(bytes);
  };
  const onPadding = (bytes: Buffer) => {
    if (extended) raw.push(bytes);
    else reader.padding(bytes);
  };
  const onWhole = () => {
    if (extended) records = recordsOf(joined(extended));
    else if (inMember) reader.end();
    extended = null;
    inMember = false;
  };

  return {
    ended: () => ended,
    take(bytes) {
      let at = 0;
      paused = false;
      while (at < bytes.length && !ended && !paused) {
        if (left > 0) {
          const data = bytes.subarray(at, at + left);
          left -= data.length;
          at += data.length;
          onContents(data);
        } else if (padding > 0) {
          const zeros = bytes.subarray(at, at + padding);
          padding -= zeros.length;
          at += zeros.length;
          onPadding(zeros);
        } else {
          const piece = bytes.subarray(at, at + blockBytes - block.length);
          const header = block.length === 0 ? piece : Buffer.concat([block, piece]);
          at += piece.length;
          block = header.length < blockBytes ? Buffer.from(header) : nothing;
          if (header.length < blockBytes) break;
          if (header[0] === 0 && header.every((byte) => byte === 0)) ended = true;
          else onHeader(header);
        }
        if (left === 0 && padding === 0) onWhole();
      }
      // The memory of what was read is used again.
      raw = raw.map((part) => Buffer.from(part));
      extended = extended?.map((part) => Buffer.from(part)) ?? null;
      return paused ? at : bytes.length;
    },
  };
}

/** Of files, links, devices, directories and FIFOs; and `x`, an extended header. GNU tar reads others in other ways. */
const types = '0123456x';

/** Throws where GNU tar might see something else than a member of this type. */
function typeOf(header: Buffer): string {
  const type = String.fromCharCode(header[156]!);
  if (!types.includes(type) || octal(header.subarray(148, 156)) !== checksumOf(header)) throw unreadableTar();
  return type;
}

/** The sum of a header's bytes, those of the sum itself as spaces. */
export function checksumOf(header: Buffer): number {
  let sum = 8 * 32;
  for (let at = 0; at < blockBytes; at++) if (at < 148 || at >= 156) sum += header[at]!;
  return sum;
}

function headOf(type: string, header: Buffer, records: Map<string, string>, raw: Buffer[]): MemberHead {
  const path = (records.get('GNU.sparse.name') ?? records.get('path') ?? nameOf(header)).replace(/^\.\//, '');
  const link = (records.get('linkpath') ?? textOf(header.subarray(157, 257))).replace(/^\.\//, '');
  // Which GNU tar takes for a directory.
  if (type === '0' && path.endsWith('/')) throw unreadableTar();
  return { type, path, link, records, raw };
}

function textOf(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? field.length : end);
}

function nameOf(header: Buffer): string {
  const prefix = textOf(header.subarray(345, 500));
  return (prefix ? `${prefix}/` : '') + textOf(header.subarray(0, 100));
}

/** Sizes beyond eleven digits come in a record of the extended header. */
export function octal(field: Buffer): number {
  const digits = textOf(field).trim();
  if (!/^[0-7]+$/.test(digits)) throw unreadableTar();
  return Number.parseInt(digits, 8);
}

/** Parses repeated `<length> <key>=<value>\n`; the length counts all of the record. */
function recordsOf(text: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    const [head, length, key] = /^(\d+) ([^=]+)=/.exec(text.subarray(at, at + 512).toString('latin1')) ?? [];
    const end = at + Number(length);
    if (!head || !key || Number(length) <= head.length || end > text.length || text[end - 1] !== 10)
      throw unreadableTar();
    records.set(key, text.subarray(at + head.length, end - 1).toString('latin1'));
    at = end;
  }
  return records;
}

export function wholeNumber(digits: string): number {
  const number = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw unreadableTar();
  return number;
}

export const unreadableTar = () =>
  new StackferryError('manifest_mismatch', 'A tar of what the files hold can’t be read.');
