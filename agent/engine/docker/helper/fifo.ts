import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { limits } from '../../../../schema/limits.ts';

const execute = promisify(execFile);
const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;

/** A pipe's capacity, so the most that one read returns. */
const readBytes = 65_536;
/** Two chunks at the consumer and its own consumer, one queued in each stream, one being filled, one spare. */
const buffers = 6;

/** Creates FIFOs. The user that opens them must be the one that creates them: mode 0600. */
export async function makeFifos(paths: string[]): Promise<void> {
  await execute('mkfifo', ['-m', '0600', ...paths], { timeout: limits.agent.engineRequestMsMax });
}

/**
 * Opens the reading end, non-blocking, and also holds a writing end open: otherwise a reader that opens first sees EOF
 * at once, and one that opens last sees nothing. `ended` closes that writing end, once the helper's exit is known.
 *
 * The stream's chunks are slices of a few reused buffers: allocating a gigabyte of new ones would cost more garbage
 * collection than the rest of the transfer.
 */
export function readFifo(path: string): { stream: Readable; ended(): void } {
  const fd = openSync(path, O_RDONLY | O_NONBLOCK);
  const held = openSync(path, O_WRONLY | O_NONBLOCK);
  const ring = Array.from({ length: buffers }, () => Buffer.allocUnsafeSlow(readBytes));
  let turn = 0;
  let open = true;
  const ended = () => {
    if (open) closeSync(held);
    open = false;
  };
  const socket = new Socket({
    fd,
    readable: true,
    writable: false,
    onread: {
      buffer: () => ring[++turn % buffers]!,
      callback: (bytes, buffer) => stream.push(buffer.subarray(0, bytes)),
    },
  });
  const stream = new Readable({
    highWaterMark: readBytes,
    read: () => void socket.resume(),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', ended);
  return { stream, ended };
}

/** Keeps data in a FIFO that has no reader yet, until the returned function is called. */
export function holdFifo(path: string): () => void {
  const held = openSync(path, O_RDWR | O_NONBLOCK);
  return () => closeSync(held);
}

/** Opens the writing end read-write: opening it write-only would fail before the helper has opened its end. */
export function writeFifo(path: string): Socket {
  return new Socket({ fd: openSync(path, O_RDWR | O_NONBLOCK), readable: false, writable: true });
}
