import { base64, keysOf, sealedBox } from '../objects/fleet-authority/sealed-box.ts';

/**
 * Stored answers of idempotent requests are sealed with a key that is never stored: it is derived from the API token and the
 * idempotency key, of which only hashes are stored. So a copy of the database reveals no answer, and answers with secrets
 * (join tokens, API tokens, signing secrets) need no special treatment.
 *
 *   key          derived from the API token, salted with the idempotency key, for one route: see sealed-box.ts
 *   fingerprint  HMAC-SHA-256 of method, path with query, and body: equal only for the same request of the same token
 *   answer       the sealed JSON below
 */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface Seal {
  fingerprint(request: string): Promise<string>;
  close(answer: Answer): Promise<string>;
  /** Throws if it was sealed with another key. */
  open(sealed: string): Promise<Answer>;
}

export async function sealOf(token: string, idempotencyKey: string, route: string): Promise<Seal> {
  const keyFor = await keysOf(token, idempotencyKey);
  const mac = await keyFor(`fingerprint ${route}`, { name: 'HMAC', hash: 'SHA-256', length: 256 }, ['sign']);
  const box = await sealedBox(keyFor, `answer ${route}`);
  return {
    fingerprint: async (request) => base64(await crypto.subtle.sign('HMAC', mac, new TextEncoder().encode(request))),
    close: (answer) => box.close(JSON.stringify(answer)),
    open: async (sealed) => JSON.parse(await box.open(sealed)),
  };
}
