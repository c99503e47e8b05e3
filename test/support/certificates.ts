import 'reflect-metadata';
import { randomUUID, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { exportJWK, type JWK, SignJWT } from 'jose';
import type { Identity } from '../../node/peer-identity.ts';
import { type PeerKind, spiffeUri, ticketAudience, ticketSession } from '../../schema/relay-protocol.ts';

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 3_600_000;

/** A fleet of the tests: its CA and its ticket key. Another call makes a rogue one, by the same names if asked. */
export interface TestFleet {
  fleetId: string;
  caPem: string;
  ticketJwk: JWK;
  identity(kind: PeerKind, id: string, options?: CertificateOptions): Promise<Identity>;
  /** A join ticket, by default for `host` as the source of lane `data` to meet `peer` at relay `relay-1`. */
  ticket(options: TicketOptions): Promise<string>;
}

export interface CertificateOptions {
  notBefore?: Date;
  notAfter?: Date;
  /** In place of the one name a certificate should have. */
  altNames?: string[];
}

export interface TicketOptions {
  host: string;
  peer: string;
  role: 'source' | 'target';
  lane?: string;
  migration?: string;
  relay?: string;
  issuer?: string;
  jti?: string;
  issuedAtMs?: number;
  expiresAtMs?: number;
  claims?: Record<string, unknown>;
}

export async function createTestFleet(fleetId = 'fleet-1'): Promise<TestFleet> {
  const caKeys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Test fleet',
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + 30 * dayMs),
    signingAlgorithm: ecdsa,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const ticketKeys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  let serial = 1;

  const identity: TestFleet['identity'] = async (kind, id, options = {}) => {
    const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
    serial += 1;
    const names = options.altNames ?? [spiffeUri(fleetId, kind, id)];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial.toString(16).padStart(4, '0'),
      subject: `CN=${id}`,
      issuer: ca.subject,
      notBefore: options.notBefore ?? new Date(Date.now() - dayMs),
      notAfter: options.notAfter ?? new Date(Date.now() + 7 * dayMs),
      signingAlgorithm: ecdsa,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'url', value }))),
      ],
    });
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      fleetId,
      kind,
      id,
      keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
      certPem: certificate.toString('pem'),
      caPem: ca.toString('pem'),
    };
  };

  return {
    fleetId,
    caPem: ca.toString('pem'),
    ticketJwk: await exportJWK(ticketKeys.publicKey),
    identity,
    ticket: (options) => {
      const migration = options.migration ?? 'migration-1';
      const issuedAtMs = options.issuedAtMs ?? Date.now();
      const claims = {
        sid: ticketSession(migration, options.lane ?? 'data'),
        role: options.role,
        peer: options.peer,
        mig: migration,
        ...options.claims,
      };
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(options.issuer ?? fleetId)
        .setAudience(ticketAudience(options.relay ?? 'relay-1'))
        .setSubject(options.host)
        .setJti(options.jti ?? randomUUID())
        .setIssuedAt(Math.floor(issuedAtMs / 1000))
        .setExpirationTime(Math.floor((options.expiresAtMs ?? issuedAtMs + 120_000) / 1000))
        .sign(ticketKeys.privateKey);
    },
  };
}
