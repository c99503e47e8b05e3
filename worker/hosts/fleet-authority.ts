import { DurableObject } from 'cloudflare:workers';
import { type JWK, SignJWT } from 'jose';
import { limits } from '../../schema/limits.ts';
import { type PeerKind, ticketAudience, ticketSession } from '../../schema/relay-protocol.ts';
import type { Env } from '../env.ts';
import { type KnownFleet, knownFleet, recordFleet } from '../store/fleet.ts';
import { importSecretKey, newSecretKey, signingSecret } from '../webhooks/signing-secret.ts';
import { authorityProblems } from './authority-problems.ts';
import { type Leaf, p256, readCsr, selfSignedCa, signLeaf } from './certificates.ts';
import { X509Certificate } from './x509.ts';

/** Public: goes to every agent and relay. */
export interface FleetInfo {
  fleet_id: string;
  ca_pem: string;
  /** Public JWK of the key that signs tickets. */
  ticket_key: Record<string, unknown>;
}

export interface TicketRequest {
  relay_id: string;
  migration_id: string;
  lane: string;
  role: 'source' | 'target';
  /** The host it is made for, and the one it may meet. */
  host_id: string;
  peer_id: string;
}

/** As stored: private keys live in this object's storage and nowhere else. */
interface StoredFleet {
  fleet_id: string;
  ca_pem: string;
  ca_key: JsonWebKey;
  ticket_key: JsonWebKey;
  /** Base64. */
  webhook_key: string;
}

interface Fleet {
  info: FleetInfo;
  caKey: CryptoKey;
  ticketKey: CryptoKey;
  webhookKey: CryptoKey;
}

/**
 * The one object that holds the fleet's keys; it makes them when it is first asked for anything. Never where the database
 * knows a CA already: every agent would refuse the new one, and with its own certificates be refused.
 */
export class FleetAuthority extends DurableObject<Env> {
  #fleet: Promise<Fleet> | null = null;

  async info(): Promise<FleetInfo> {
    return (await this.#open()).info;
  }

  async sign(
    csr: string,
    holder: { kind: PeerKind; id: string },
  ): Promise<({ ok: true } & Leaf) | { ok: false; why: string }> {
    const request = await readCsr(csr);
    if (!request.ok) return request;
    const { info, caKey } = await this.#open();
    const ca = { certificate: info.ca_pem, key: caKey, fleetId: info.fleet_id };
    return { ok: true, ...(await signLeaf(ca, request.publicKey, holder, Date.now())) };
  }

  /** A join ticket for one dial; who may have it is the caller's to decide. */
  async ticket({ relay_id, migration_id, lane, role, host_id, peer_id }: TicketRequest): Promise<string> {
    const { info, ticketKey } = await this.#open();
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ sid: ticketSession(migration_id, lane), role, peer: peer_id, mig: migration_id })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
      .setIssuer(info.fleet_id)
      .setAudience(ticketAudience(relay_id))
      .setSubject(host_id)
      .setJti(crypto.randomUUID())
      .setIssuedAt(now)
      .setExpirationTime(now + limits.certificate.ticketMsMax / 1000)
      .sign(ticketKey);
  }

  /** `whsec_…`, the same for the same name and generation, and kept nowhere. */
  async webhookSecret(name: string, generation: number): Promise<string> {
    return signingSecret((await this.#open()).webhookKey, name, generation);
  }

  #open(): Promise<Fleet> {
    this.#fleet ??= this.#load().catch((error) => {
      this.#fleet = null;
      throw error;
    });
    return this.#fleet;
  }

  /** `#open` lets one in at a time. */
  async #stored({ ca_sha256, joined }: KnownFleet): Promise<StoredFleet> {
    const before = await this.ctx.storage.get<StoredFleet>('fleet');
    if (before?.webhook_key) return before;
    if (!before && (ca_sha256 !== null || joined)) throw new Error(authorityProblems.missing);
    const made = before ? { ...before, webhook_key: newSecretKey() } : await makeFleet(Date.now());
    await this.ctx.storage.put('fleet', made);
    return made;
  }

  async #load(): Promise<Fleet> {
    const known = await knownFleet(this.env.DB);
    const stored = await this.#stored(known);
    const ca_sha256 = await fingerprintOf(stored.ca_pem);
    if (known.ca_sha256 === null) await recordFleet(this.env.DB, stored.fleet_id, ca_sha256, Date.now());
    else if (known.ca_sha256 !== ca_sha256) throw new Error(authorityProblems.foreign);
    const { d: _, key_ops: __, ...ticket_key } = stored.ticket_key as JWK;
    return {
      info: {
        fleet_id: stored.fleet_id,
        ca_pem: stored.ca_pem,
        ticket_key: { ...ticket_key, alg: 'ES256', use: 'sig' },
      },
      caKey: await crypto.subtle.importKey('jwk', stored.ca_key, p256, false, ['sign']),
      ticketKey: await crypto.subtle.importKey('jwk', stored.ticket_key, p256, false, ['sign']),
      webhookKey: await importSecretKey(stored.webhook_key),
    };
  }
}

async function fingerprintOf(pem: string): Promise<string> {
  const digest = new Uint8Array(await new X509Certificate(pem).getThumbprint('SHA-256'));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function makeFleet(now: number): Promise<StoredFleet> {
  const fleet_id = crypto.randomUUID();
  const ca = await newKeys();
  const ticket = await newKeys();
  return {
    fleet_id,
    ca_pem: await selfSignedCa(ca, fleet_id, now),
    ca_key: await privateJwk(ca),
    ticket_key: await privateJwk(ticket),
    webhook_key: newSecretKey(),
  };
}

const newKeys = async () => (await crypto.subtle.generateKey(p256, true, ['sign', 'verify'])) as CryptoKeyPair;
const privateJwk = async ({ privateKey }: CryptoKeyPair) =>
  (await crypto.subtle.exportKey('jwk', privateKey)) as JsonWebKey;
