import { limits } from './limits.ts';

/**
 * How a source connects directly, without a relay, to a target that advertises an address:
 *
 *   source                                              target
 *   ── TCP ────────────────────────────────────────────▶
 *   0x44, length (u16, big-endian), session (UTF-8) ──▶
 *                                                       … until the target waits for that session
 *        ◀───────────────────────────────────────────── 0x47
 *   ◀═══════════ the same mutual TLS as through a relay, with the target as server ═══════════▶
 *
 * The session is `<migration id>.<lane>`, as in a join ticket, with `~<number>` behind it for a stripe. It authenticates nothing: the certificates do, afterwards.
 */
export const directFirstByte = 0x44;
export const directGo = 0x47;
const headBytes = 3;

export function encodeOpening(session: string): Buffer {
  const text = Buffer.from(session, 'utf8');
  const head = Buffer.of(directFirstByte, 0, 0);
  head.writeUInt16BE(text.length, 1);
  return Buffer.concat([head, text]);
}

/** `read(n)` returns exactly that many bytes, or null until they have arrived. Throws if they are not an opening. */
export function createOpeningReader(read: (bytes: number) => Buffer | null): () => string | null {
  let length: number | null = null;
  return () => {
    if (length === null) {
      const head = read(headBytes);
      if (!head) return null;
      length = head.readUInt16BE(1);
      if (head[0] !== directFirstByte || length === 0 || length > limits.direct.sessionBytesMax)
        throw new Error('this is no opening of a direct transfer');
    }
    return read(length)?.toString('utf8') ?? null;
  };
}
