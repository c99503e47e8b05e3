import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { limits } from '../../../schema/limits.ts';

const execute = promisify(execFile);
const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;

/** As much as a pipe holds, so as much as one read can give. */
const readBytes = 65_536;
/** Two chunks at the consumer and what it passes them on to, one waiting in each stream, one being filled, one to spare. */
const buffers = 6;

/** Made by the same user that opens them: a 0600 FIFO of another fails. */
export async function makeFifos(paths: string[]): Promise<void> {
  await execute('mkfifo', ['-m', '0600', ...paths], { timeout: limits.agent.engineRequestMsMax });
}

/**
 * The reading end. It is opened without blocking, and we hold a writing end too: else a reader that comes first sees the
 * end at once, and one that comes last none. `ended` lets the end come, once the helper's exit is known.
 *
 * The chunks of the stream take turns in a few buffers: a gigabyte of fresh ones would cost more in garbage collection
 * than all the rest of its way.
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

/** Keeps what was written in a FIFO that nobody has opened yet, until the function it returns is called. */
export function holdFifo(path: string): () => void {
  const held = openSync(path, O_RDWR | O_NONBLOCK);
  return () => closeSync(held);
}

/** The writing end; read-write, because opening it for writing alone would fail before the helper has opened its own. */
export function writeFifo(path: string): Socket {
  return new Socket({ fd: openSync(path, O_RDWR | O_NONBLOCK), readable: false, writable: true });
}
