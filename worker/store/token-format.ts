import { hexOf } from '../hex.ts';

/**
 * Format of API tokens (sfy), join tokens (sfj) and UI sessions (sfs): a prefix for secret scanners, 32 random bytes, a
 * checksum. All base 62, so that a double click selects the whole token.
 *
 *   sfy_ | 43 digits of randomness | 6 digits of CRC-32 over everything before them
 */
export type TokenPrefix = 'sfy' | 'sfj' | 'sfs';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const randomDigits = 43;
const checksumDigits = 6;

/**
 * Ids of people whom a login provider has named: their rows have no token, their sessions are their credentials. The form of
 * the id tells them from tokens everywhere, the audit included.
 */
export const personPrefix = 'usr_';
export const isPerson = (id: string): boolean => id.startsWith(personPrefix);

export function newToken(prefix: TokenPrefix): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  const body = `${prefix}_${base62(number, randomDigits)}`;
  return body + checksum(body);
}

/** Rejects mistyped and made-up tokens without a database query. */
export function isWellFormedToken(prefix: TokenPrefix, token: string): boolean {
  const length = prefix.length + 1 + randomDigits + checksumDigits;
  if (token.length !== length || !token.startsWith(`${prefix}_`)) return false;
  return checksum(token.slice(0, -checksumDigits)) === token.slice(-checksumDigits);
}

/** SHA-256 (hex), the only stored form of a token. The token has 256 random bits, so a slow hash would add nothing. */
export async function hashToken(token: string): Promise<string> {
  return hexOf(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token)));
}

function checksum(body: string): string {
  return base62(BigInt(crc32(new TextEncoder().encode(body))), checksumDigits);
}

function base62(number: bigint, digits: number): string {
  let text = '';
  for (let rest = number; text.length < digits; rest /= 62n) text = alphabet[Number(rest % 62n)] + text;
  return text;
}

/** CRC-32 of IEEE 802.3, as in zlib; not worth an import of node:zlib for sixty bytes. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
