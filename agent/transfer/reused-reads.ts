import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Reads a socket into one buffer, again and again, instead of a fresh one each time: a gigabyte in pieces of 16 KiB is
 * more work for the garbage collector than for TLS. Node's own option for this, `onread`, is taken only by sockets that
 * connect themselves; one that was accepted, or that carries TLS over another, keeps the same fields without filling
 * them. Where they are not found, or it is no socket, the bytes come in fresh buffers as ever.
 *
 * `onBytes` must be done with the bytes when it returns. Where it returns false nothing more is read until
 * `socket.resume()`: the bytes of a plain socket stay until then, but TLS goes on giving what it has decrypted.
 */
export function readInto(socket: Duplex, buffer: Buffer, onBytes: (bytes: Buffer) => boolean): void {
  // Bytes that were read before come this way too.
  socket.on('data', (bytes: Buffer) => {
    if (!onBytes(bytes)) socket.pause();
  });
  const handle = (socket as unknown as { _handle?: { useUserBuffer?: (buffer: Buffer) => void } | null })._handle;
  if (!fields || !(socket instanceof Socket) || !handle?.useUserBuffer) return;
  Object.assign(socket, {
    [fields.buffer]: buffer,
    [fields.generator]: null,
    [fields.callback]: (count: number, bytes: Buffer) => onBytes(bytes.subarray(0, count)),
  });
  handle.useUserBuffer(buffer);
}

const fields = findFields();

function findFields() {
  const probe = new Socket({ onread: { buffer: Buffer.alloc(1), callback: () => true } });
  const symbols = Object.getOwnPropertySymbols(probe);
  const named = (name: string) => symbols.find(({ description }) => description === name);
  const [buffer, callback, generator] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')];
  return buffer && callback && generator ? { buffer, callback, generator } : null;
}
