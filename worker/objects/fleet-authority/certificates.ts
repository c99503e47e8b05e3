import { limits } from '../../../schema/limits.ts';
import { type PeerKind, spiffeUri } from '../../../schema/relay-protocol.ts';
import { hexOf } from '../../hex.ts';
import type { Leaf } from '../../rpc.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509.ts';

export const p256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signing = { name: 'ECDSA', hash: 'SHA-256' } as const;
const dayMs = 24 * 3_600_000;

/** The fleet's root CA; it signs leaf certificates directly. */
export async function selfSignedCa(keys: CryptoKeyPair, fleetId: string, now: number): Promise<string> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=Stackferry ${fleetId}`,
    notBefore: new Date(now - limits.certificate.backdateMs),
    notAfter: new Date(now + limits.certificate.caYears * 365.25 * dayMs),
    keys,
    signingAlgorithm: signing,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certificate.toString('pem');
}

export type Csr = { ok: true; publicKey: CryptoKey } | { ok: false; why: string };

/**
 * Returns the key of a CSR after checking its proof of possession. Requested names are refused; all else in it is
 * ignored.
 */
export async function readCsr(pem: string): Promise<Csr> {
  try {
    const request = new Pkcs10CertificateRequest(pem);
    if (request.extensions.some((extension) => extension instanceof SubjectAlternativeNameExtension))
      return { ok: false, why: 'A request may not ask for names; the fleet gives them.' };
    const publicKey = await request.publicKey.export(p256, ['verify']);
    if (!(await request.verify())) return { ok: false, why: 'The signature of the request is wrong.' };
    return { ok: true, publicKey };
  } catch {
    // The library throws various errors for RSA, P-384, truncated and malformed requests.
    return { ok: false, why: 'It must be a PKCS #10 request in PEM with an EC key on P-256.' };
  }
}

export async function signLeaf(
  ca: { certificate: string; key: CryptoKey; fleetId: string },
  publicKey: CryptoKey,
  holder: { kind: PeerKind; id: string },
  now: number,
): Promise<Leaf> {
  const issuer = new X509Certificate(ca.certificate);
  const serial = newSerial();
  const ends_at = now + limits.certificate.hostDaysMax * dayMs;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial,
    subject: `CN=${holder.id}`,
    issuer: issuer.subject,
    // A clock that is a day off must not lock a host out.
    notBefore: new Date(now - limits.certificate.backdateMs),
    notAfter: new Date(ends_at),
    publicKey,
    signingKey: ca.key,
    signingAlgorithm: signing,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([{ type: 'url', value: spiffeUri(ca.fleetId, holder.kind, holder.id) }]),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
    ],
  });
  return { certificate: certificate.toString('pem'), serial, ends_at };
}

/** 128 bits, positive: the first bit is clear and the second set, so that no encoding drops or adds a byte. */
function newSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return hexOf(bytes);
}
