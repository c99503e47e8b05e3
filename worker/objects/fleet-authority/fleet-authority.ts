import { DurableObject } from 'cloudflare:workers';
import { type JWK, SignJWT } from 'jose';
import type { ImportOutcome } from '../../../schema/api/authority.ts';
import { limits } from '../../../schema/limits.ts';
import { type PeerKind, ticketAudience, ticketSession } from '../../../schema/relay-protocol.ts';
import type { Env } from '../../env.ts';
import type { FleetAuthorityRpc, FleetInfo, Leaf, Serves, TicketRequest, WebhookCredential } from '../../rpc.ts';
import { type KnownFleet, knownFleet, recordFleet } from '../../store/fleet.ts';
import { importSecretKey, newSecretKey, signingSecret } from '../../webhooks/signing-secret.ts';
import { authorityProblems } from './authority-problems.ts';
import { p256, readCsr, selfSignedCa, signLeaf } from './certificates.ts';
import { fingerprintOf, openFleet, type StoredFleet, sealFleet } from './stored-fleet.ts';

interface Fleet {
  info: FleetInfo;
  caKey: CryptoKey;
  ticketKey: CryptoKey;
  webhookKey: CryptoKey;
}

/**
 * The single object that holds the fleet's keys; it creates them on first use. Never if the database already knows a
 * CA: agents and a new CA would refuse each other.
 */
export class FleetAuthority extends DurableObject<Env> implements Serves<FleetAuthorityRpc> {
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

  /** A join ticket for one connection; the caller checks who may have it. */
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

  /** Derived `whsec_…` secret, the same for a name and generation. Not stored. */
  async webhookSecret(name: string, generation: number): Promise<string> {
    return signingSecret((await this.#open()).webhookKey, name, generation);
  }

  async keepWebhookCredential(endpointId: string, credential: WebhookCredential): Promise<void> {
    await this.ctx.storage.put(credentialKey(endpointId), credential);
  }

  async webhookCredential(endpointId: string): Promise<WebhookCredential | null> {
    return (await this.ctx.storage.get<WebhookCredential>(credentialKey(endpointId))) ?? null;
  }

  async forgetWebhookCredential(endpointId: string): Promise<void> {
    await this.ctx.storage.delete(credentialKey(endpointId));
  }

  /** All keys, sealed: the only form in which they leave this object. */
  async sealed(wrapKey: string): Promise<string> {
    await this.#open();
    return sealFleet(wrapKey, (await this.ctx.storage.get<StoredFleet>('fleet'))!);
  }

  /** Imports only into an empty namespace, and only the keys of the CA that the database knows (C8). */
  async takeBack(wrapKey: string, sealed: string): Promise<ImportOutcome> {
    const { ca_sha256 } = await knownFleet(this.env.DB);
    if (ca_sha256 === null) return 'unknown';
    const fleet = await openFleet(wrapKey, sealed);
    if (!fleet) return 'unreadable';
    if ((await fingerprintOf(fleet.ca_pem)) !== ca_sha256) return 'foreign';
    return this.ctx.storage.transaction(async (storage) => {
      const before = await storage.get<StoredFleet>('fleet');
      if (before) return before.ca_pem === fleet.ca_pem ? 'imported' : 'present';
      await storage.put('fleet', fleet);
      return 'imported';
    });
  }

  #open(): Promise<Fleet> {
    this.#fleet ??= this.#load().catch((error) => {
      this.#fleet = null;
      throw error;
    });
    return this.#fleet;
  }

  /** Not concurrent: `#open` caches the promise. */
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

const credentialKey = (endpointId: string) => `webhook ${endpointId}`;
const newKeys = async () => (await crypto.subtle.generateKey(p256, true, ['sign', 'verify'])) as CryptoKeyPair;
const privateJwk = async ({ privateKey }: CryptoKeyPair) =>
  (await crypto.subtle.exportKey('jwk', privateKey)) as JsonWebKey;
