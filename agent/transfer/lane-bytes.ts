import type { Dialer } from './reconnect.ts';

export interface LaneBytes {
  /** Frames as they cross, after compression, of all lanes that this process opened. */
  bytes(): { sent: number; received: number };
  /** The same dialer, with its connections counted. */
  counting(dialer: Dialer): Dialer;
}

export function countLaneBytes(): LaneBytes {
  const open = new Set<{ bytesWritten: number; bytesRead: number }>();
  const closed = { sent: 0, received: 0 };
  return {
    bytes: () => {
      const sum = { ...closed };
      for (const { bytesWritten, bytesRead } of open) {
        sum.sent += bytesWritten;
        sum.received += bytesRead;
      }
      return sum;
    },
    counting: (dialer) => (role, lane) => {
      const dial = dialer(role, lane);
      return async (signal, stripe) => {
        const socket = await dial(signal, stripe);
        open.add(socket);
        socket.once('close', () => {
          open.delete(socket);
          closed.sent += socket.bytesWritten;
          closed.received += socket.bytesRead;
        });
        return socket;
      };
    },
  };
}
