import net from 'node:net';

/** A proxy before the relay, or a target's own address: a delay each way, and a rate that each connection has by itself. */
export interface LongLine {
  port: number;
  /** Connections that carried at least this much towards the relay, oldest first. */
  carriers(bytesMin?: number): { bytes(): number; cut(): void; stall(): void }[];
  /** Is called after each piece that left towards the relay. */
  onBytes: ((total: number) => void) | null;
  close(): Promise<void>;
}

/** Of a connection that hardly moves, and is not silent. */
const stalledBytesPerS = 10_000;

export async function startLongLine(to: number, { delayMs = 20, bytesPerS = 1_000_000 } = {}): Promise<LongLine> {
  const sockets = new Set<net.Socket>();
  const carried: { bytes: number; cut(): void; stall(): void }[] = [];
  let total = 0;

  const carry = (from: net.Socket, into: net.Socket, own: { stalled: boolean }, onSent: (bytes: number) => void) => {
    // In one queue: of timers that are due in the same millisecond any may come first.
    const queue: { dueAt: number; bytes: Buffer | null }[] = [];
    let freeAt = 0;
    let timer: NodeJS.Timeout | null = null;
    const forward = () => {
      timer = null;
      for (let first = queue[0]; first && first.dueAt <= performance.now(); first = queue[0]) {
        queue.shift();
        if (!first.bytes) into.end();
        else if (!into.destroyed) {
          into.write(first.bytes);
          onSent(first.bytes.length);
        }
      }
      // What is in flight is bounded, so that the sender notices the rate.
      if (freeAt - performance.now() < 50) from.resume();
      wait();
    };
    const wait = () => {
      if (queue[0] && !timer) timer = setTimeout(forward, Math.max(1, queue[0].dueAt - performance.now()));
    };
    const enqueue = (bytes: Buffer | null) => {
      freeAt =
        Math.max(freeAt, performance.now()) +
        ((bytes?.length ?? 0) / (own.stalled ? stalledBytesPerS : bytesPerS)) * 1000;
      queue.push({ dueAt: freeAt + delayMs, bytes });
      if (freeAt - performance.now() > 100) from.pause();
      wait();
    };
    from.on('data', enqueue);
    from.on('end', () => enqueue(null));
    from.on('error', () => from.destroy());
    from.on('close', () => {
      sockets.delete(from);
      if (!from.readableEnded) into.destroy();
    });
    sockets.add(from);
  };

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = net.connect({ port: to, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const own = {
      bytes: 0,
      stalled: false,
      cut: () => void near.destroy(),
      stall: () => {
        own.stalled = true;
      },
    };
    carried.push(own);
    carry(near, far, own, (bytes) => {
      own.bytes += bytes;
      total += bytes;
      line.onBytes?.(total);
    });
    carry(far, near, own, () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const line: LongLine = {
    port: (server.address() as net.AddressInfo).port,
    carriers: (bytesMin = 65_536) =>
      carried
        .filter(({ bytes }) => bytes >= bytesMin)
        .map((own) => ({ bytes: () => own.bytes, cut: own.cut, stall: own.stall })),
    onBytes: null,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return line;
}
