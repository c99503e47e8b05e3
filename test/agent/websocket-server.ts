import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';

/** One accepted connection: text messages only, as the control link uses them. */
export interface Peer {
  request: IncomingMessage;
  received: string[];
  say(text: string): void;
  close(code: number): void;
  /** Cuts without a word. */
  cut(): void;
  closed: boolean;
}

export interface Refusal {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** A control plane's connect endpoint, by hand: `accept` refuses or takes each handshake, `onText` answers. */
export async function startWebSocketServer(options: {
  accept?: (request: IncomingMessage) => Refusal | null;
  onText?: (peer: Peer, text: string) => void;
  /** Answers other requests. */
  onRequest?: RequestListener;
}): Promise<{ url: string; peers: Peer[] }> {
  const peers: Peer[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer(options.onRequest ?? ((_, response) => response.writeHead(404).end()));
  server.on('upgrade', (request, socket: Duplex) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    const refusal = options.accept?.(request) ?? null;
    if (refusal) return refuse(socket, refusal);
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const peer: Peer = {
      request,
      received: [],
      closed: false,
      say: (text) => void socket.write(frame(1, Buffer.from(text))),
      close: (code) => void socket.write(frame(8, Buffer.from([code >> 8, code & 255]))),
      cut: () => void socket.destroy(),
    };
    socket.on('close', () => {
      peer.closed = true;
    });
    peers.push(peer);
    readFrames(socket, (text) => {
      peer.received.push(text);
      options.onText?.(peer, text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, peers };
}

function refuse(socket: Duplex, { status, body, headers = {} }: Refusal): void {
  const text = JSON.stringify(body);
  const lines = Object.entries({
    'content-type': 'application/problem+json',
    'content-length': text.length,
    ...headers,
  });
  socket.end(
    `HTTP/1.1 ${status} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`,
  );
}

function frame(opcode: number, payload: Buffer): Buffer {
  const header = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...header]), payload]);
}

function readFrames(socket: Duplex, onText: (text: string) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      if (rest.length < 2) return;
      const short = rest[1]! & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (rest.length < head) return;
      const length = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
      if (rest.length < head + 4 + length) return;
      const mask = rest.subarray(head, head + 4);
      const payload = rest.subarray(head + 4, head + 4 + length).map((byte, index) => byte ^ mask[index % 4]!);
      const opcode = rest[0]! & 15;
      rest = rest.subarray(head + 4 + length);
      if (opcode === 1) onText(Buffer.from(payload).toString());
      if (opcode === 8) socket.end(frame(8, Buffer.from(payload)));
    }
  });
}
