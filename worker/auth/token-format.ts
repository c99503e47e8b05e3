/**
 * API tokens (sfy), join tokens (sfj) and sessions of the web UI (sfs): a prefix that secret scanners recognise, 32
 * random bytes, a checksum. All base 62, so that a double click selects the whole.
 *
 *   sfy_ | 43 digits of randomness | 6 digits of CRC-32 over what stands before them
 */
export type TokenPrefix = 'sfy' | 'sfj' | 'sfs';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const randomDigits = 43;
const checksumDigits = 6;

export function newToken(prefix: TokenPrefix): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  const body = `${prefix}_${base62(number, randomDigits)}`;
  return body + checksum(body);
}

/** Tells mistyped and made-up tokens without asking any database. */
export function isWellFormedToken(prefix: TokenPrefix, token: string): boolean {
  const length = prefix.length + 1 + randomDigits + checksumDigits;
  if (token.length !== length || !token.startsWith(`${prefix}_`)) return false;
  return checksum(token.slice(0, -checksumDigits)) === token.slice(-checksumDigits);
}

/** What is stored of a token: SHA-256, hex. The token has 256 random bits, so a slow hash would add nothing. */
export async function hashToken(token: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function checksum(body: string): string {
  return base62(BigInt(crc32(new TextEncoder().encode(body))), checksumDigits);
}

function base62(number: bigint, digits: number): string {
  let text = '';
  for (let rest = number; text.length < digits; rest /= 62n) text = alphabet[Number(rest % 62n)] + text;
  return text;
}

/** IEEE 802.3, as zlib has it; node:zlib is not worth an import for sixty bytes. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
