import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { limits } from '../../../schema/limits.ts';

const execute = promisify(execFile);
const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;

/** Made by the same user that opens it: a 0600 FIFO of another fails. */
export async function makeFifo(path: string): Promise<void> {
  await execute('mkfifo', ['-m', '0600', path], { timeout: limits.agent.engineRequestMsMax });
}

/**
 * The reading end. It is opened without blocking, and we hold a writing end too: else a reader that comes first sees the
 * end at once, and one that comes last none. `ended` lets the end come, once the helper's exit is known.
 */
export function readFifo(path: string): { stream: Socket; ended(): void } {
  const fd = openSync(path, O_RDONLY | O_NONBLOCK);
  const held = openSync(path, O_WRONLY | O_NONBLOCK);
  let open = true;
  const ended = () => {
    if (open) closeSync(held);
    open = false;
  };
  const stream = new Socket({ fd, readable: true, writable: false });
  stream.once('close', ended);
  return { stream, ended };
}

/** The writing end; read-write, because opening it for writing alone would fail before the helper has opened its own. */
export function writeFifo(path: string): Socket {
  return new Socket({ fd: openSync(path, O_RDWR | O_NONBLOCK), readable: false, writable: true });
}
