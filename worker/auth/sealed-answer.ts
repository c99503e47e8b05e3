/**
 * Answers that are kept for a repeat are sealed with a key that is nowhere at rest: derived from the API token (of which
 * only a hash is stored) and the idempotency key (likewise). So a copy of the database opens none of them, and no list
 * of "answers with secrets" (join tokens, API tokens, signing secrets) has to be kept up to date.
 *
 *   key          HKDF-SHA-256(ikm: API token, salt: idempotency key, info: purpose and route)
 *   fingerprint  HMAC-SHA-256 of method, path with query, and body: equal only for the same request of the same token
 *   answer       base64 of 12 bytes of nonce and AES-256-GCM of the JSON below
 */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface Seal {
  fingerprint(request: string): Promise<string>;
  close(answer: Answer): Promise<string>;
  /** Throws where it was sealed with another key. */
  open(sealed: string): Promise<Answer>;
}

const nonceBytes = 12;
const utf8 = new TextEncoder();

export async function sealOf(token: string, idempotencyKey: string, route: string): Promise<Seal> {
  const secret = await crypto.subtle.importKey('raw', utf8.encode(token), 'HKDF', false, ['deriveKey']);
  const derive = (purpose: string, algorithm: AesKey | HmacKey, uses: KeyUsage[]) =>
    crypto.subtle.deriveKey(
      {
        name: 'HKDF',
        hash: 'SHA-256',
        salt: utf8.encode(idempotencyKey),
        info: utf8.encode(`stackferry ${purpose} ${route}`),
      },
      secret,
      algorithm,
      false,
      uses,
    );
  const mac = await derive('fingerprint', { name: 'HMAC', hash: 'SHA-256', length: 256 }, ['sign']);
  const cipher = await derive('answer', { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt']);
  return {
    fingerprint: async (request) => base64(await crypto.subtle.sign('HMAC', mac, utf8.encode(request))),
    close: async (answer) => {
      const iv = crypto.getRandomValues(new Uint8Array(nonceBytes));
      const text = utf8.encode(JSON.stringify(answer));
      const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, cipher, text);
      return `${base64(iv.buffer)}${base64(sealed)}`;
    },
    open: async (sealed) => {
      const bytes = Uint8Array.from(atob(sealed), (char) => char.charCodeAt(0));
      const iv = bytes.subarray(0, nonceBytes);
      const text = await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, cipher, bytes.subarray(nonceBytes));
      return JSON.parse(new TextDecoder().decode(text));
    },
  };
}

type AesKey = { name: 'AES-GCM'; length: number };
type HmacKey = { name: 'HMAC'; hash: string; length: number };
type KeyUsage = 'sign' | 'encrypt' | 'decrypt';

/** 12 bytes of nonce are 16 digits without padding, so what follows them goes on as one text. */
function base64(bytes: ArrayBufferLike): string {
  let text = '';
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte);
  return btoa(text);
}
