import net from 'node:net';

/** A TCP proxy of limited rate before one relay, so that there is time to break things, and a count of what was sent. */
export interface SlowWire {
  /** `host:port` that agents are told. */
  address: string;
  /** Where the relay listens; known only after the wire's own address. */
  target: { host: string; port: number };
  /** Of each connection; may be changed at any time. */
  bytesPerS: number;
  /** Bytes that came from agents. */
  bytes(): number;
  /** Ends all connections that are open now. */
  cut(): void;
  close(): Promise<void>;
}

const tickMs = 20;

/**
 * `bytesPerS` holds for each connection's way to the relay, infinity for a wire that only counts; what comes back is
 * little, or has been slowed before.
 */
export async function startSlowWire(bytesPerS: number, host = '127.0.0.1'): Promise<SlowWire> {
  const sockets = new Set<net.Socket>();
  let total = 0;
  const server = net.createServer({ noDelay: true }, (client) => {
    const upstream = net.connect({ ...wire.target, noDelay: true });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    upstream.pipe(client, { end: false });
    let budget = 0;
    const refill = setInterval(() => {
      budget = Math.min(budget + (wire.bytesPerS * tickMs) / 1000, wire.bytesPerS / 10);
      if (budget > 0 && client.isPaused() && !upstream.writableNeedDrain) client.resume();
    }, tickMs);
    client.on('close', () => clearInterval(refill));
    client.on('data', (data: Buffer) => {
      total += data.length;
      budget -= data.length;
      const taken = upstream.write(data);
      if (budget <= 0 || !taken) client.pause();
      if (!taken) upstream.once('drain', () => budget > 0 && client.resume());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const wire: SlowWire = {
    address: `${host}:${(server.address() as net.AddressInfo).port}`,
    target: { host: '127.0.0.1', port: 9 },
    bytesPerS,
    bytes: () => total,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      wire.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return wire;
}
