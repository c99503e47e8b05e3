import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Reads a socket into one reused buffer: allocating a gigabyte in pieces of 16 KiB costs more in garbage collection
 * than TLS does. Node's own option for this, `onread`, works only for sockets that connect themselves. An accepted
 * socket, or TLS over another socket, has the same internal fields but leaves them empty, so this sets them. Where they
 * are missing, or the stream is no socket, falls back to `data` events with fresh buffers.
 *
 * `onBytes` must be done with the bytes when it returns. If it returns false, reading pauses until `socket.resume()`. A
 * plain socket delivers nothing until then, but TLS still delivers decrypted data.
 */
export function readInto(socket: Duplex, buffer: Buffer, onBytes: (bytes: Buffer) => boolean): void {
  // Bytes that arrived before the fields were set also come this way.
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
