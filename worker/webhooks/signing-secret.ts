/**
 * Signing secrets are derived, not stored: HMAC-SHA-256 of an endpoint's name and generation under a key that never
 * leaves the fleet authority. A copy of the database contains no secret, and a rotation increments the generation.
 *
 * The name of a registered endpoint is its id. The name of a callback is the API token that requested the migration, so
 * the receiver can have the secret before the first event: `migration.started` is sent before the 202 response.
 */
const hmac = { name: 'HMAC', hash: 'SHA-256' };
const keyBytes = 32;

/** Base64 of a new key. */
export function newSecretKey(): string {
  return base64(crypto.getRandomValues(new Uint8Array(keyBytes)));
}

export function importSecretKey(key: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', fromBase64(key), hmac, false, ['sign']);
}

/** `whsec_` and base64 of 32 bytes, as in Standard Webhooks. */
export async function signingSecret(key: CryptoKey, name: string, generation: number): Promise<string> {
  const text = new TextEncoder().encode(`stackferry webhook ${name} ${generation}`);
  return `whsec_${base64(new Uint8Array(await crypto.subtle.sign('HMAC', key, text)))}`;
}

/** The `webhook-signature` header: one `v1,…` per secret, separated by spaces. `timestamp` in seconds. */
export async function signatures(secrets: string[], id: string, timestamp: number, payload: string): Promise<string> {
  const text = new TextEncoder().encode(`${id}.${timestamp}.${payload}`);
  const each = secrets.map(async (secret) => {
    const key = await importSecretKey(secret.slice('whsec_'.length));
    return `v1,${base64(new Uint8Array(await crypto.subtle.sign('HMAC', key, text)))}`;
  });
  return (await Promise.all(each)).join(' ');
}

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text: string) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
