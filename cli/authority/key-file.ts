import { createDecipheriv, hkdfSync, randomBytes, scrypt, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { limits } from '../../schema/limits.ts';
import { CliError, exitCodes, usageError } from '../exit-code.ts';

/**
 * The file of `stackferry authority export`: the keys, encrypted with a key that scrypt derives from a passphrase.
 *
 * wrap key: base64 of scrypt(passphrase as NFKC, salt), 32 bytes
 *
 * sealed: encrypted with the wrap key, see `worker/objects/fleet-authority/stored-fleet.ts`
 */
const kdf = z.strictObject({
  name: z.literal('scrypt'),
  /** Bounded, so that no file can exhaust the memory. */
  n: z.union([z.literal(2 ** 17), z.literal(2 ** 18), z.literal(2 ** 19), z.literal(2 ** 20)]),
  r: z.literal(8),
  p: z.literal(1),
  salt: z.base64(),
});
export type Kdf = z.infer<typeof kdf>;

const keyFile = z.strictObject({
  format: z.literal('stackferry-authority-1'),
  fleet_id: z.string(),
  /** SHA-256 (hex) of the CA's certificate. */
  ca_sha256: z.string(),
  exported_at: z.string(),
  kdf,
  cipher: z.literal('HKDF-SHA-256, AES-256-GCM'),
  sealed: z.base64().max(limits.api.sealedAuthorityCharsMax),
});
export type KeyFile = z.infer<typeof keyFile>;

const wrapKeyBytes = 32;
const saltBytes = 16;
const scryptOf = promisify<string, Buffer, number, object, Buffer>(scrypt);

export const newKdf = (): Kdf => ({
  name: 'scrypt',
  n: 2 ** 17,
  r: 8,
  p: 1,
  salt: randomBytes(saltBytes).toString('base64'),
});

export async function wrapKeyOf(passphrase: string, { n: N, r, p, salt }: Kdf): Promise<string> {
  const cost = { N, r, p, maxmem: 2 * 128 * N * r };
  const key = await scryptOf(passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), wrapKeyBytes, cost);
  return key.toString('base64');
}

const nonceBytes = 12;
const tagBytes = 16;

/** Decrypts the keys to identify their fleet; null if that fails. */
export function lookInside(wrapKey: string, sealed: string): { fleet_id: string; ca_sha256: string } | null {
  const bytes = Buffer.from(sealed, 'base64');
  const key = hkdfSync('sha256', wrapKey, 'certificate authority', 'stackferry authority export', wrapKeyBytes);
  try {
    const cipher = createDecipheriv('aes-256-gcm', Buffer.from(key), bytes.subarray(0, nonceBytes));
    cipher.setAuthTag(bytes.subarray(-tagBytes));
    const text = Buffer.concat([cipher.update(bytes.subarray(nonceBytes, -tagBytes)), cipher.final()]).toString('utf8');
    const { fleet_id, ca_pem } = z.object({ fleet_id: z.string(), ca_pem: z.string() }).parse(JSON.parse(text));
    return { fleet_id, ca_sha256: new X509Certificate(ca_pem).fingerprint256.replaceAll(':', '').toLowerCase() };
  } catch {
    return null;
  }
}

export async function readKeyFile(path: string): Promise<KeyFile> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${path} cannot be read (${error.code}).`);
  });
  try {
    return keyFile.parse(JSON.parse(text));
  } catch {
    throw new CliError('bad_key_file', `${path} is not an export of a certificate authority.`, exitCodes.failure, [
      'Name a file that stackferry authority export wrote.',
    ]);
  }
}
