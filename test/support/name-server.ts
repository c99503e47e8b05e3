import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

type Zone = Record<string, { type: 'A' | 'NS'; ttl: number; data: string }[]>;
const codes = { A: 1, NS: 2 } as const;

/** A name server that answers what the zone says, and nothing for the rest; or is silent. Returns its port. */
export async function nameServer(address: string, zone: Zone | 'silent', port = 0): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (asked, { port: from, address: who }) => {
    if (zone === 'silent') return;
    const { name, end } = nameAt(asked, 12);
    const type = asked.readUInt16BE(end);
    const found = (zone[name.toLowerCase()] ?? []).filter((one) => codes[one.type] === type);
    const head = Buffer.from(asked.subarray(0, 12));
    head.writeUInt16BE(0x8580, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found.length, 6);
    head.writeUInt32BE(0, 8);
    socket.send(Buffer.concat([head, asked.subarray(12, end + 4), ...found.map(recordBytes)]), from, who);
  });
  await new Promise<void>((resolve) => socket.bind(port, address, resolve));
  onTestFinished(() => void socket.close());
  return (socket.address() as AddressInfo).port;
}

function nameAt(bytes: Buffer, from: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = from;
  for (let length = bytes[at]!; length > 0; length = bytes[at]!) {
    labels.push(bytes.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

/** Its name is that of the question. */
function recordBytes({ type, ttl, data }: Zone[string][number]): Buffer {
  const content = type === 'A' ? Buffer.from(data.split('.').map(Number)) : nameBytes(data);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(codes[type], 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(content.length, 10);
  return Buffer.concat([head, content]);
}

const nameBytes = (name: string): Buffer =>
  Buffer.concat([...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.of(0)]);
