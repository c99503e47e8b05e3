import { hash } from 'node:crypto';

/**
 * An order-independent digest over records: SHA-256 of each, summed modulo 2^256. File systems list a directory in
 * orders of their own, and sorting a million names would not run in bounded memory.
 */
export interface ManifestDigest {
  /** `kind` keeps records of different sorts apart; fields may hold any bytes but must not be joinable: they are framed. */
  add(kind: string, fields: readonly (string | Buffer)[]): void;
  /** 64 hex digits. */
  sum(): string;
}

const modulus = 1n << 256n;

export function manifestDigest(): ManifestDigest {
  let total = 0n;
  return {
    add(kind, fields) {
      const parts = [kind, ...fields].map((field) =>
        typeof field === 'string' ? Buffer.from(field, 'latin1') : field,
      );
      const framed = parts.flatMap((part) => [Buffer.from(`${part.length}:`), part]);
      total = (total + BigInt(`0x${hash('sha256', Buffer.concat(framed), 'hex')}`)) % modulus;
    },
    sum: () => total.toString(16).padStart(64, '0'),
  };
}
