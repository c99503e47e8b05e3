import net from 'node:net';

/** A TCP proxy of limited rate before one relay, so that there is time to break things, and a count of what was sent. */
export interface SlowWire {
  /** `host:port` that agents are told. */
  address: string;
  /** Where the relay listens; known only after the wire's own address. */
  target: { host: string; port: number };
  /** Bytes that came from agents. */
  bytes(): number;
  close(): Promise<void>;
}

const tickMs = 20;

/** `bytesPerS` holds for each connection's way to the relay; what comes back is little, or has been slowed before. */
export async function startSlowWire(bytesPerS: number): Promise<SlowWire> {
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
      budget = Math.min(budget + (bytesPerS * tickMs) / 1000, bytesPerS / 10);
      if (budget > 0 && client.isPaused()) client.resume();
    }, tickMs);
    client.on('close', () => clearInterval(refill));
    client.on('data', (data: Buffer) => {
      total += data.length;
      budget -= data.length;
      upstream.write(data);
      if (budget <= 0) client.pause();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const wire: SlowWire = {
    address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    target: { host: '127.0.0.1', port: 9 },
    bytes: () => total,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return wire;
}
