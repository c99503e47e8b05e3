import type net from 'node:net';
import { StackferryError } from '../../schema/errors.ts';

const newline = 10;

/**
 * Reads one line, and not a byte beyond it: the connection may go on as something else. Null if the peer ended it before a
 * whole line. Rejects and destroys the connection for a line that is too long, or late.
 */
export function readLine(socket: net.Socket, bytesMax: number, msMax?: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const read: Buffer[] = [];
    let bytes = 0;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      socket.off('readable', look).off('end', ended).off('close', ended);
      act();
    };
    const fail = (why: string) => {
      settle(() => reject(new StackferryError('invalid_request', why)));
      socket.destroy();
    };
    const ended = () => settle(() => resolve(null));
    const look = () => {
      for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
        const end = chunk.indexOf(newline);
        const rest = end < 0 ? null : chunk.subarray(end + 1);
        read.push(end < 0 ? chunk : chunk.subarray(0, end));
        bytes += read.at(-1)?.length ?? 0;
        if (bytes > bytesMax) return fail('a line is too long');
        if (rest === null) continue;
        if (rest.length > 0) socket.unshift(rest);
        return settle(() => resolve(Buffer.concat(read).toString()));
      }
    };
    const timer = msMax === undefined ? undefined : setTimeout(() => fail('no line came in time'), msMax);
    socket.on('readable', look).once('end', ended).once('close', ended);
    if (socket.destroyed) ended();
    else look();
  });
}
