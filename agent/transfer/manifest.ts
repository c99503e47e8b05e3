import { hash } from 'node:crypto';

/**
 * An order-independent digest over records: SHA-256 of each, summed modulo 2^256. File systems list a directory in
 * orders of their own, and sorting a million names would not run in bounded memory.
 */
export interface ManifestDigest {
  /** `kind` keeps records of different sorts apart; fields are bytes as latin1 text, any of them: they are framed. */
  add(kind: string, fields: readonly string[]): void;
  /** 64 hex digits. */
  sum(): string;
}

const words = 8;
const wordRange = 2 ** 32;

export function manifestDigest(): ManifestDigest {
  // Big-endian words: a big integer would be made anew for each of a million entries.
  const total = new Uint32Array(words);
  return {
    add(kind, fields) {
      let framed = `${kind.length}:${kind}`;
      for (const field of fields) framed += `${field.length}:${field}`;
      const digest = hash('sha256', Buffer.from(framed, 'latin1'), 'buffer');
      let carry = 0;
      for (let word = words - 1; word >= 0; word--) {
        const sum = total[word]! + digest.readUInt32BE(word * 4) + carry;
        total[word] = sum;
        carry = sum >= wordRange ? 1 : 0;
      }
    },
    sum: () => Array.from(total, (word) => word.toString(16).padStart(8, '0')).join(''),
  };
}
