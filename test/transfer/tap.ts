import net from 'node:net';

/** A TCP proxy before the relay, as an attacker on the wire: it can record, cut and alter what passes. */
export interface Tap {
  port: number;
  /** Bytes that passed towards the relay. */
  bytes(): number;
  recorded(): Buffer;
  /** Cuts all connections that are open now. */
  cut(): void;
  /** Is shown each piece on its way to the relay, with the count of bytes of its connection before it; returns what to pass on. */
  alter: ((piece: Buffer, before: number) => Buffer) | null;
  /** Is shown the count of all bytes after each piece. */
  onBytes: ((total: number) => void) | null;
  record: boolean;
  close(): Promise<void>;
}

export async function startTap(relayPort: number): Promise<Tap> {
  const sockets = new Set<net.Socket>();
  const parts: Buffer[] = [];
  let total = 0;
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = net.connect({ port: relayPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    let before = 0;
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => from.destroy());
      from.on('close', () => {
        sockets.delete(from);
        if (!from.readableEnded) to.destroy();
      });
      from.on('end', () => to.end());
      from.on('data', (data: Buffer) => {
        const piece = from === client && tap.alter ? tap.alter(data, before) : data;
        if (tap.record) parts.push(Buffer.from(piece));
        if (!to.write(piece)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
        if (from !== client) return;
        before += data.length;
        total += data.length;
        tap.onBytes?.(total);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const tap: Tap = {
    port: (server.address() as net.AddressInfo).port,
    bytes: () => total,
    recorded: () => Buffer.concat(parts),
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    alter: null,
    onBytes: null,
    record: false,
    close: async () => {
      tap.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return tap;
}
