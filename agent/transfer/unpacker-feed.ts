import { StackferryError } from '../../schema/errors.ts';
import { settled } from './packer-end.ts';
import type { TarWriter } from './tar-ports.ts';

/** Gives an unpacker its bytes, one piece at a time, so that it is known which it took when it exits. */
export interface UnpackerFeed {
  /** Resolves when the unpacker took the piece, or had ended before it and the piece is padding. */
  write(data: Buffer): Promise<void>;
  /** Ends the stream; resolves when the unpacker exited 0 and synced. Throws its failure, or `unpack_failed` after `msMax`. */
  finish(msMax: number): Promise<void>;
}

/** `onFailure` hears of an unpacker that failed, or ended before the tar did. */
export function feedUnpacker(writer: TarWriter, exitMsMax: number, onFailure: (error: unknown) => void): UnpackerFeed {
  const queue: { data: Buffer; resolve: () => void }[] = [];
  let writing = false;
  let exited = false;
  let ending = false;
  let rejected = false;

  const pump = () => {
    const piece = queue[0];
    if (!piece && ending && !exited) writer.stream.end();
    if (!piece || writing || exited) return;
    writing = true;
    writer.stream.write(piece.data, (error) => {
      if (error || exited) return;
      writing = false;
      queue.shift();
      piece.resolve();
      pump();
    });
  };

  const finished = writer.finished.then(() => {
    exited = true;
    // It stopped reading before the last padding: nobody will take what is left. How far it came in a piece that is
    // half written is not known, but even that one must end in an end mark.
    for (const [index, { data, resolve }] of queue.entries()) {
      if (!isPadding(index === 0 && writing ? data.subarray(-endMarkBytes) : data)) throw endedEarly();
      resolve();
    }
  });
  finished.catch((error) => {
    rejected = true;
    onFailure(error);
  });
  // A pipe that broke is explained by the unpacker's exit, which may take a moment.
  writer.stream.on('error', (error) => {
    void settled(finished, exitMsMax).then(() => exited || onFailure(error));
  });

  return {
    write: (data) => {
      if (exited && isPadding(data)) return Promise.resolve();
      if (exited) return Promise.reject(endedEarly());
      return new Promise((resolve) => {
        queue.push({ data, resolve });
        pump();
      });
    },
    finish: async (msMax) => {
      ending = true;
      pump();
      await settled(finished, msMax);
      if (!exited && !rejected) throw new StackferryError('unpack_failed', 'The unpacker did not exit');
      await finished;
    },
  };
}

/** Two blocks of zeros end a tar; zeros up to the blocking factor follow. */
const endMarkBytes = 1024;

function isPadding(data: Buffer): boolean {
  return data.every((byte) => byte === 0);
}

const endedEarly = () => new StackferryError('unpack_failed', 'The unpacker ended before the tar did');
