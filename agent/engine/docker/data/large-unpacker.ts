import { Writable } from 'node:stream';
import { errorMessageOf, StackferryError } from '../../../../schema/errors.ts';
import { createPatchedFiles } from '../../../precopy/patched-files.ts';
import type { TarWriter } from '../../../transfer/tar-ports.ts';
import type { Tree } from '../../tree.ts';
import { type HelperRuntime, type HelperTask, noSpaceFor } from '../helper/helper.ts';
import { setTimes } from './list-job.ts';
import { plainFileOf } from './member-head.ts';
import { type MemberHead, parseTar } from './tar-members.ts';
import { holdRoot } from './tree-root.ts';

/** Where the agent writes large files of a tree itself. */
export interface LargeTarget {
  files: ReturnType<typeof createPatchedFiles>;
  close(): Promise<void>;
}

/**
 * Writes the plain files that come before the tree's own directory (`largeMembers`), and passes on all that follows as it is,
 * from the first member of another kind on. Passes on everything if the agent does not see the tree's files. A tar that GNU tar
 * alone has packed begins with the tree's directory. `stop` ends the unpacker, which would wait for more after a failure here.
 */
export function unpackLarge(
  writer: TarWriter,
  mount: Tree,
  open: () => Promise<LargeTarget | null>,
  stop: () => void,
): TarWriter {
  let failure: Error | null = null;
  let target: LargeTarget | null = null;
  let isPassing = false;
  let head: MemberHead | null = null;
  let offset = 0;
  const pieces: Buffer[] = [];
  const parser = parseTar({
    begin: (next) => {
      head = next;
      return false;
    },
    data: (bytes) => void pieces.push(bytes),
    padding: () => {},
    end: () => {},
  });

  /** Returns false for a member that belongs to the unpacker. */
  const begin = async (member: MemberHead): Promise<boolean> => {
    const file = plainFileOf(member);
    // The way to a file is made with it.
    if (!file && (member.type !== '5' || member.path === '')) return false;
    target ??= await open();
    if (!target) return false;
    if (file) await target.files.begin(file);
    offset = 0;
    return true;
  };
  /** Resolves to what is for the unpacker. */
  const fileAway = async (bytes: Buffer): Promise<Buffer[]> => {
    for (let rest = bytes; rest.length > 0; ) {
      rest = rest.subarray(parsed(() => parser.take(rest)));
      for (const piece of pieces.splice(0)) {
        assertGoingOn(stream);
        await target!.files.write(offset, piece);
        offset += piece.length;
      }
      if (parser.ended()) throw refused('it has no directory');
      const member = head;
      head = null;
      assertGoingOn(stream);
      if (!member || (await begin(member))) continue;
      await target?.files.end();
      await target?.close();
      isPassing = true;
      return [Buffer.concat(member.raw), rest];
    }
    return [];
  };
  let filing: Promise<unknown> = Promise.resolve();
  const filed = () => filing.catch(() => {});
  const take = async (bytes: Buffer): Promise<void> => {
    let left = [bytes];
    if (!isPassing) {
      const filingThis = fileAway(bytes);
      filing = filingThis;
      left = await filingThis;
    }
    for (const piece of left) if (piece.length > 0) await written(writer.stream, piece);
  };

  const stream: Writable = new Writable({
    write: (bytes: Buffer, _encoding, done) =>
      void take(bytes).then(
        () => done(),
        (error) => {
          failure = failureOf(error, mount);
          stop();
          done(failure);
        },
      ),
    final: (done) => {
      if (isPassing) writer.stream.end();
      done(isPassing ? null : refused('it ends too early'));
    },
    destroy: (error, done) =>
      void filed()
        .then(() => target?.files.abandon())
        .then(() => target?.close())
        .then(
          () => done(error),
          (failure) => done(error ?? failure),
        ),
  });
  writer.stream.on('error', (error) => stream.destroy(error));
  // What it wrote to may be emptied next.
  const finished = writer.finished.finally(filed).catch((error) => {
    throw failure ?? error;
  });
  finished.catch(() => {});
  return { ...writer, stream, finished };
}

function assertGoingOn({ destroyed }: Writable): void {
  if (destroyed) throw new Error('the unpacker was stopped');
}

/** Null if the agent does not see the tree's files at `root`. */
export async function openLargeTarget(
  place: HelperRuntime,
  task: Task,
  root: string | null,
): Promise<LargeTarget | null> {
  const held = await holdRoot(place, task, root);
  if (!held) return null;
  const files = createPatchedFiles(held.path, (named) => setTimes(place, task, named));
  return { files, close: held.close };
}

type Task = Omit<HelperTask, 'script' | 'arguments'>;

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw refused(errorMessageOf(error));
  }
}

const refused = (why: string) => new StackferryError('archive_refused', `The source’s tar is refused: ${why}`);

function failureOf(error: Error, mount: Tree): Error {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' ? noSpaceFor(mount) : error;
}

function written(stream: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
