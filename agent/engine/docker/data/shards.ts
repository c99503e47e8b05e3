import { hash } from 'node:crypto';
import { Writable } from 'node:stream';
import { errorMessageOf, StackferryError } from '../../../../schema/errors.ts';
import type { TarWriter } from '../../../transfer/tar-ports.ts';
import { bareDirectory, modeOf } from './member-head.ts';
import { blockBytes, type MemberHead, parseTar } from './tar-members.ts';

type Open = (signal: AbortSignal) => Promise<TarWriter>;

/**
 * Unpacks one tar by several unpackers side by side: creating a file is the kernel's work, and one unpacker keeps one core
 * busy with it. The first shard has all directories, whose times and attributes come last, and all symbolic links. The
 * others have files, and directories by their names and modes: GNU tar fails at one that another process makes while it makes
 * it for a file. A hard link goes where its file went.
 *
 * The first shard gets the end mark once the others have ended: until then GNU tar has not set a directory's attributes,
 * nor made a link that leads out of the tree.
 */
export async function unpackInShards(opens: [Open, ...Open[]], signal: AbortSignal): Promise<TarWriter> {
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  const opened = await Promise.allSettled(opens.map((open) => open(until)));
  const shards = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const ends = shards.map(({ finished }) => finished);
  for (const end of ends) end.catch((error) => failed.abort(error));
  const finished = Promise.allSettled(ends).then((all) => {
    if (failed.signal.aborted) throw failed.signal.reason;
    for (const one of all) if (one.status === 'rejected') throw one.reason;
  });
  finished.catch(() => {});
  for (const one of opened) if (one.status === 'rejected') failed.abort(one.reason);
  if (failed.signal.aborted) return finished.then(() => Promise.reject(failed.signal.reason));
  const stream = spreadOver(shards);
  stream.once('error', (error) => failed.abort(error));
  // The first ends last.
  return { stream, finished, ...(shards[0]!.unpacked ? { unpacked: shards[0]!.unpacked } : {}) };
}

function spreadOver(shards: TarWriter[]): Writable {
  const outs = shards.map((): Buffer[] => []);
  const choose = shardChooser(shards.length);
  let out = outs[0]!;
  const parser = parseTar({
    begin: (head) => {
      out = outs[choose(head)]!;
      out.push(...head.raw);
      if (head.type === '5') for (const other of outs.slice(1)) other.push(bareDirectory(head.path, modeOf(head)));
      return true;
    },
    data: (bytes) => void out.push(bytes),
    padding: (bytes) => void out.push(bytes),
    end: () => {},
  });
  const take = async (bytes: Buffer) => {
    try {
      parser.take(bytes);
    } catch (error) {
      throw refused(errorMessageOf(error));
    }
    await Promise.all(shards.map(({ stream }, index) => written(stream, outs[index]!.splice(0))));
  };
  const end = async ({ stream, finished }: TarWriter) => {
    await written(stream, [endMark]);
    stream.end();
    await finished;
  };
  const endAll = async () => {
    if (!parser.ended()) throw refused('it has no end');
    await Promise.all(shards.slice(1).map(end));
    await end(shards[0]!);
  };
  return new Writable({
    write: (bytes: Buffer, _encoding, done) => void take(bytes).then(() => done(), done),
    final: (done) => void endAll().then(() => done(), done),
  });
}

const endMark = Buffer.alloc(2 * blockBytes);
const refused = (why: string) => new StackferryError('archive_refused', `The source’s tar is refused: ${why}`);

/** A chunk's pieces for one shard as one write: small writes through a FIFO cost most. */
function written(stream: Writable, pieces: Buffer[]): Promise<void> {
  if (pieces.length === 0) return Promise.resolve();
  const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Files are spread by their names. */
function shardChooser(shards: number): (head: MemberHead) => number {
  /** Digests of the names of symbolic links, which may have hard links. */
  const symbolic = new Set<number>();
  return ({ type, path, link }) => {
    if (type === '2') symbolic.add(digestOf(path));
    if (type === '2' || type === '5') return 0;
    if (type === '1' && symbolic.size > 0 && symbolic.has(digestOf(link))) return 0;
    return spread(type === '1' ? link : path) % shards;
  };
}

/** FNV-1a. */
function spread(name: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) sum = Math.imul(sum ^ name.charCodeAt(at), 0x01000193);
  return sum >>> 0;
}

const digestOf = (name: string): number => hash('sha256', Buffer.from(name, 'latin1'), 'buffer').readUIntBE(0, 6);
