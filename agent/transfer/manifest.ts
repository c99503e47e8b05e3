import { hash } from 'node:crypto';

/**
 * An order-independent digest over records: SHA-256 of each, summed modulo 2^256. File systems list directories in
 * different orders, and sorting a million names would not fit in bounded memory.
 */
export interface ManifestDigest {
  /**
   * `kind` separates records of different types; fields are bytes as latin1 text. All are length-prefixed, so any value
   * is safe.
   */
  add(kind: string, fields: readonly string[]): void;
  /** Returns 64 hex digits. */
  sum(): string;
}

const words = 8;
const wordRange = 2 ** 32;

export function manifestDigest(): ManifestDigest {
  // Big-endian words: a BigInt would be allocated for each of a million entries.
  const total = new Uint32Array(words);
  return {
    add(kind, fields) {
      let framed = `${kind.length}:${kind}`;
      for (const field of fields) framed += `${field.length}:${field}`;
      // As text: a Buffer costs more than the hash.
      const digest = hash('sha256', Buffer.from(framed, 'latin1'), 'binary');
      let carry = 0;
      for (let word = words - 1; word >= 0; word--) {
        const sum = total[word]! + wordOf(digest, word * 4) + carry;
        total[word] = sum;
        carry = sum >= wordRange ? 1 : 0;
      }
    },
    sum: () => Array.from(total, (word) => word.toString(16).padStart(8, '0')).join(''),
  };
}

/** Big-endian. */
const wordOf = (bytes: string, at: number): number =>
  ((bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)) >>>
  0;
