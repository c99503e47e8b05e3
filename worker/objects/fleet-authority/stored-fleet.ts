import { z } from 'zod';
import { hexOf } from '../../hex.ts';
import { p256 } from './certificates.ts';
import { keysOf, type SealedBox, sealedBox } from './sealed-box.ts';
import { X509Certificate } from './x509.ts';

/** The fleet in the authority's storage. Private keys are stored nowhere else, and leave it only in a sealed export. */
const jwk = z.looseObject({ kty: z.string() }).transform((key) => key as JsonWebKey);
const storedFleet = z.object({
  fleet_id: z.string(),
  ca_pem: z.string(),
  ca_key: jwk,
  ticket_key: jwk,
  /** Base64. */
  webhook_key: z.string(),
});
export type StoredFleet = z.infer<typeof storedFleet>;

/** SHA-256 (hex) of a certificate. */
export async function fingerprintOf(pem: string): Promise<string> {
  return hexOf(await new X509Certificate(pem).getThumbprint('SHA-256'));
}

export async function sealFleet(wrapKey: string, fleet: StoredFleet): Promise<string> {
  return (await boxOf(wrapKey)).close(JSON.stringify(fleet));
}

/** Returns null if it was sealed with another key or is damaged. */
export async function openFleet(wrapKey: string, sealed: string): Promise<StoredFleet | null> {
  try {
    const fleet = storedFleet.parse(JSON.parse(await (await boxOf(wrapKey)).open(sealed)));
    return (await holdsItsKey(fleet)) ? fleet : null;
  } catch {
    return null;
  }
}

const boxOf = async (wrapKey: string): Promise<SealedBox> =>
  sealedBox(await keysOf(wrapKey, 'certificate authority'), 'authority export');

/** True if the private key matches the CA certificate. */
async function holdsItsKey({ ca_pem, ca_key }: StoredFleet): Promise<boolean> {
  const signing = { name: 'ECDSA', hash: 'SHA-256' };
  const probe = crypto.getRandomValues(new Uint8Array(32));
  const key = await crypto.subtle.importKey('jwk', ca_key, p256, false, ['sign']);
  const certified = await new X509Certificate(ca_pem).publicKey.export(p256, ['verify']);
  return crypto.subtle.verify(signing, certified, await crypto.subtle.sign(signing, key, probe), probe);
}
