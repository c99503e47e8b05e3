/** Datagrams in a stream of the tunnel: the length of each in two bytes, big-endian, and then its bytes. */

const headBytes = 2;

export function frameOf(datagram: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + datagram.length);
  frame.writeUInt16BE(datagram.length);
  frame.set(datagram, headBytes);
  return frame;
}

/** Returns what takes a stream's bytes as they come, however they are split. It keeps less than one datagram. */
export function createDatagramReader(onDatagram: (datagram: Buffer) => void): (bytes: Buffer) => void {
  let begun: Buffer = Buffer.alloc(0);
  return (bytes) => {
    let rest = begun.length === 0 ? bytes : Buffer.concat([begun, bytes]);
    while (rest.length >= headBytes) {
      const end = headBytes + rest.readUInt16BE();
      if (rest.length < end) break;
      onDatagram(rest.subarray(headBytes, end));
      rest = rest.subarray(end);
    }
    begun = rest;
  };
}
