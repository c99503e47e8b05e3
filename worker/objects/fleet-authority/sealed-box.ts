/**
 * Encrypts texts with a key that is never stored: it is derived for one purpose from a secret that only its bearer has.
 *
 *   key   HKDF-SHA-256(ikm: secret, salt, info: purpose)
 *   box   base64 of a 12-byte nonce, then of the AES-256-GCM ciphertext
 */
export interface SealedBox {
  close(text: string): Promise<string>;
  /** Throws if it was sealed with another key. */
  open(sealed: string): Promise<string>;
}

const nonceBytes = 12;
const utf8 = new TextEncoder();

export type KeyFor = (purpose: string, algorithm: AesKey | HmacKey, uses: KeyUsage[]) => Promise<CryptoKey>;

export async function keysOf(secret: string, salt: string): Promise<KeyFor> {
  const ikm = await crypto.subtle.importKey('raw', utf8.encode(secret), 'HKDF', false, ['deriveKey']);
  return (purpose, algorithm, uses) =>
    crypto.subtle.deriveKey(
      { name: 'HKDF', hash: 'SHA-256', salt: utf8.encode(salt), info: utf8.encode(`stackferry ${purpose}`) },
      ikm,
      algorithm,
      false,
      uses,
    );
}

export async function sealedBox(keyFor: KeyFor, purpose: string): Promise<SealedBox> {
  const cipher = await keyFor(purpose, { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt']);
  return {
    close: async (text) => {
      const iv = crypto.getRandomValues(new Uint8Array(nonceBytes));
      const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, cipher, utf8.encode(text));
      return `${base64(iv.buffer)}${base64(sealed)}`;
    },
    open: async (sealed) => {
      const bytes = Uint8Array.from(atob(sealed), (char) => char.charCodeAt(0));
      const iv = bytes.subarray(0, nonceBytes);
      const text = await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, cipher, bytes.subarray(nonceBytes));
      return new TextDecoder().decode(text);
    },
  };
}

type AesKey = { name: 'AES-GCM'; length: number };
type HmacKey = { name: 'HMAC'; hash: string; length: number };
type KeyUsage = 'sign' | 'encrypt' | 'decrypt';

/** A 12-byte nonce encodes to 16 characters without padding, so nonce and ciphertext concatenate to valid base64. */
export function base64(bytes: ArrayBufferLike): string {
  let text = '';
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte);
  return btoa(text);
}
