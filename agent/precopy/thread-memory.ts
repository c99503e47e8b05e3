import { readSync } from 'node:fs';

/** Returns zeroed memory that is shared between threads. */
export const sharedBuffer = (bytes: number): Buffer => Buffer.from(new SharedArrayBuffer(bytes));

/** The same memory in a thread that got it by a message, which makes a buffer a plain array. */
export const bufferOver = ({ buffer, byteOffset, length }: Uint8Array) => Buffer.from(buffer, byteOffset, length);

/** Reads until the buffer is full, less if the file is shorter; returns the number of bytes. */
export function readFully(fd: number, into: Buffer, offset: number): number {
  let got = 0;
  while (got < into.length) {
    const count = readSync(fd, into, got, into.length - got, offset + got);
    if (count === 0) break;
    got += count;
  }
  return got;
}
