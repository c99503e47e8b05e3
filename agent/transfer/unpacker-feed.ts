import { StackferryError } from '../../schema/errors.ts';
import { settled } from './packer-end.ts';
import type { TarWriter } from './tar-ports.ts';

/** Feeds an unpacker one piece at a time, so that it is known which pieces it took when it exits. */
export interface UnpackerFeed {
  /** Resolves once the unpacker took the piece, or has exited and the piece is padding. Throws if it fails before. */
  write(data: Buffer): Promise<void>;
  /** Ends the stream and waits for exit 0 and sync. Throws its failure, or `unpack_failed` after `msMax`. */
  finish(msMax: number): Promise<void>;
}

/** `onFailure` is called if the unpacker fails, or exits before the tar ends. */
export function feedUnpacker(writer: TarWriter, exitMsMax: number, onFailure: (error: unknown) => void): UnpackerFeed {
  const queue: { data: Buffer; resolve: () => void; reject: (error: unknown) => void }[] = [];
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
    // The unpacker stopped before the last padding, so what is left goes unread. How far it read a partly written piece
    // is unknown, but even that one must end with an end mark.
    for (const [index, { data, resolve }] of queue.entries()) {
      if (!isPadding(index === 0 && writing ? data.subarray(-endMarkBytes) : data)) throw endedEarly();
      resolve();
    }
  });
  finished.catch((error) => {
    rejected = true;
    onFailure(error);
    for (const { reject } of queue.splice(0)) reject(error);
  });
  // The unpacker's exit explains a broken pipe, and may take a moment.
  writer.stream.on('error', (error) => {
    void settled(finished, exitMsMax).then(() => exited || onFailure(error));
  });

  return {
    write: (data) => {
      if (exited && isPadding(data)) return Promise.resolve();
      if (exited) return Promise.reject(endedEarly());
      return new Promise((resolve, reject) => {
        queue.push({ data, resolve, reject });
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

/** A tar ends with two blocks of zeros, then zeros up to the blocking factor. */
const endMarkBytes = 1024;

function isPadding(data: Buffer): boolean {
  return data.every((byte) => byte === 0);
}

const endedEarly = () => new StackferryError('unpack_failed', 'The unpacker ended before the tar did');
