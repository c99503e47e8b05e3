import type { PeerCertificate, TLSSocket } from 'node:tls';
import { idOfSpiffeUri, type PeerKind, spiffeUri } from '../schema/relay-protocol.ts';

/** The identity of a host or relay. The certificate changes on renewal, so get it for each connection. */
export interface Identity {
  fleetId: string;
  kind: PeerKind;
  id: string;
  /** EC P-256, PKCS #8. */
  keyPem: string;
  certPem: string;
  /** The fleet's only CA. */
  caPem: string;
}

/** TLS of every fleet connection, either side: 1.3 only, both certificates required, the cheaper AES first. */
export function fleetTlsOptions(identity: Identity) {
  return {
    key: identity.keyPem,
    cert: identity.certPem,
    ca: identity.caPem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    requestCert: true,
    rejectUnauthorized: true,
  } as const;
}

/** Returns an error unless the certificate's only alternative name is exactly that peer's. */
export function wrongPeer(
  certificate: PeerCertificate,
  fleetId: string,
  kind: PeerKind,
  id: string,
): Error | undefined {
  if (certificate.subjectaltname === `URI:${spiffeUri(fleetId, kind, id)}`) return undefined;
  return new Error(`the peer's certificate is for ${certificate.subjectaltname ?? 'nobody'}, not for ${kind} ${id}`);
}

/** Returns the host id in a socket's verified certificate, null if it names no host of this fleet. */
export function hostOfSocket(socket: TLSSocket, fleetId: string): string | null {
  const name = socket.getPeerCertificate().subjectaltname;
  return name?.startsWith('URI:') ? idOfSpiffeUri(name.slice(4), fleetId, 'host') : null;
}
