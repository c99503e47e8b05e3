import { idOfSpiffeUri, type PeerKind } from '../../../schema/relay-protocol.ts';
import { p256 } from './certificates.ts';
import { SubjectAlternativeNameExtension, X509Certificate } from './x509.ts';

/** The identity in a certificate of this fleet. */
export interface Identity {
  kind: PeerKind;
  id: string;
  /** Hex, as in the node's row. */
  serial: string;
  begins_at: number;
  ends_at: number;
  publicKey: CryptoKey;
}

/** Returns null unless the CA signed it and its only name belongs to this fleet. The caller checks the dates. */
export async function readIdentity(der64: string, caPem: string, fleetId: string): Promise<Identity | null> {
  try {
    const certificate = new X509Certificate(der64);
    const ca = new X509Certificate(caPem);
    if (certificate.issuer !== ca.subject) return null;
    if (!(await certificate.verify({ publicKey: ca, signatureOnly: true }))) return null;
    const [name, ...others] = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
    if (name?.type !== 'url' || others.length > 0) return null;
    const holder = holderOf(name.value, fleetId);
    if (!holder) return null;
    return {
      ...holder,
      serial: certificate.serialNumber,
      begins_at: certificate.notBefore.getTime(),
      ends_at: certificate.notAfter.getTime(),
      publicKey: await certificate.publicKey.export(p256, ['verify']),
    };
  } catch {
    return null;
  }
}

function holderOf(uri: string, fleetId: string): { kind: PeerKind; id: string } | null {
  for (const kind of ['host', 'relay'] as const) {
    const id = idOfSpiffeUri(uri, fleetId, kind);
    if (id) return { kind, id };
  }
  return null;
}
