import { createPublicKey, randomUUID, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { importPKCS8, SignJWT } from 'jose';
import { z } from 'zod';
import { agentTokenAudience, enrollResponse } from '../schema/enrolment.ts';
import { StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { makeKey, requestEnrollment, requestFor, requestRenewal } from './enroll.ts';
import type { Identity } from './peer-identity.ts';

/** Key and certificate are in one file, mode 0600, so that they are replaced together or not at all. */
const storedIdentity = enrollResponse.extend({ key: z.string() });
export type StoredIdentity = z.infer<typeof storedIdentity>;

export interface IdentityKeeper {
  /** Returns the current identity. Call it for each connection, since a renewal changes it. */
  identity(): Identity;
  /** The display name given at enrolment. */
  name: string;
  /**
   * Returns a one-request JWT (ES256, `x5c`), valid for a minute at most. The offset is to the control plane's clock.
   */
  signAgentToken(clockOffsetMs?: number): Promise<string>;
  /** Renews if less than `renewBeforeDays` is left; resolves to true if it did. Throws like `requestRenewal`. */
  renewIfDue(clockOffsetMs?: number): Promise<boolean>;
}

/** Reads the stored identity, null if this state directory was never enrolled. */
export async function loadIdentity(stateDir: string): Promise<StoredIdentity | null> {
  const text = await readTextIfThere(identityPath(stateDir));
  if (text === null) return null;
  try {
    return storedIdentity.parse(JSON.parse(text));
  } catch (cause) {
    throw new StackferryError(
      'certificate_invalid',
      `${identityPath(stateDir)} is damaged. Delete it and start with a new join token.`,
      { cause },
    );
  }
}

/**
 * Creates a key, has it certified for the join token, and stores both. Throws with a message that says what to do. The
 * key is on disk before the request is sent: if the reply is lost, or the process dies, a retry is accepted only with
 * the same key (B25).
 */
export async function enroll(controlUrl: string, joinToken: string, stateDir: string): Promise<StoredIdentity> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const key = await joiningKey(stateDir);
  const answer = await requestEnrollment(controlUrl, joinToken, await requestFor(key)).catch((error: unknown) => {
    throw explained(error);
  });
  const stored = await store(stateDir, { ...answer, key });
  await rm(joiningKeyPath(stateDir), { force: true });
  return stored;
}

async function joiningKey(stateDir: string): Promise<string> {
  const path = joiningKeyPath(stateDir);
  const kept = await readTextIfThere(path);
  if (kept !== null) return kept;
  const key = await makeKey();
  await writeFileAtomically(path, key);
  return key;
}

/** Opens the identity of this state directory; without one, spends the join token to get it. */
export async function openIdentity(options: {
  stateDir: string;
  controlUrl: string;
  joinToken: string | null;
  kind: Identity['kind'];
}): Promise<IdentityKeeper> {
  const { stateDir, controlUrl, joinToken, kind } = options;
  let stored = await loadIdentity(stateDir);
  if (!stored) {
    if (joinToken === null) {
      throw new StackferryError(
        'join_token_invalid',
        `${stateDir} holds no identity yet: start once with --join TOKEN (or STACKFERRY_JOIN_TOKEN). Creating a ${kind} in the control plane shows its token.`,
      );
    }
    stored = await enroll(controlUrl, joinToken, stateDir);
  }
  if (stored.kind !== kind) {
    throw new StackferryError(
      'certificate_invalid',
      `${stateDir} holds the identity of a ${stored.kind}, not of a ${kind}.`,
    );
  }
  return keep(stored, stateDir, controlUrl);
}

function keep(first: StoredIdentity, stateDir: string, controlUrl: string): IdentityKeeper {
  let stored = first;
  const renew = async (clockOffsetMs: number) => {
    const key = await makeKey();
    const answer = await requestRenewal(controlUrl, await signToken(stored, clockOffsetMs), await requestFor(key));
    stored = await store(stateDir, { ...answer, key });
  };
  return {
    name: stored.name,
    identity: () => ({
      fleetId: stored.fleet_id,
      kind: stored.kind,
      id: stored.id,
      keyPem: stored.key,
      certPem: stored.certificate,
      caPem: stored.ca,
    }),
    signAgentToken: (clockOffsetMs = 0) => signToken(stored, clockOffsetMs),
    renewIfDue: async (clockOffsetMs = 0) => {
      const endsAt = new X509Certificate(stored.certificate).validToDate.getTime();
      if (endsAt - (Date.now() + clockOffsetMs) > limits.certificate.renewBeforeDays * 24 * 3_600_000) return false;
      await renew(clockOffsetMs);
      return true;
    },
  };
}

async function signToken(stored: StoredIdentity, clockOffsetMs: number): Promise<string> {
  const key = await importPKCS8(stored.key, 'ES256');
  const issuedAt = Math.floor((Date.now() + clockOffsetMs) / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', x5c: [new X509Certificate(stored.certificate).raw.toString('base64')] })
    .setIssuer(`${stored.kind}:${stored.id}`)
    .setAudience(agentTokenAudience)
    .setJti(randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + limits.control.agentTokenMsMax / 1000)
    .sign(key);
}

/** Rejects a mismatched key and certificate: stored, they would lock the host out at its next start. */
async function store(stateDir: string, identity: StoredIdentity): Promise<StoredIdentity> {
  const certificate = new X509Certificate(identity.certificate);
  const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const ours = createPublicKey(identity.key).export({ type: 'spki', format: 'der' });
  if (!publicKey.equals(ours) || !certificate.verify(new X509Certificate(identity.ca).publicKey)) {
    throw new StackferryError(
      'certificate_invalid',
      'The control plane answered with a certificate that is not for our key, or not of its own CA.',
    );
  }
  await writeFileAtomically(identityPath(stateDir), `${JSON.stringify(identity, null, 2)}\n`);
  return identity;
}

function explained(error: unknown): unknown {
  if (!(error instanceof StackferryError)) return error;
  const advice: Partial<Record<typeof error.code, string>> = {
    join_token_used:
      'This join token was used already, and no identity is stored in the state directory. Point --state at the directory of the first start, or create the host again for a new token.',
    join_token_expired:
      'This join token has expired. Delete the host in the control plane and create it again for a new token.',
    join_token_invalid:
      'The control plane does not know this join token. Check that it was copied whole, and that --control names the right control plane.',
  };
  const message = advice[error.code];
  return message ? new StackferryError(error.code, message, { cause: error }) : error;
}

function identityPath(stateDir: string): string {
  return join(stateDir, 'identity.json');
}

function joiningKeyPath(stateDir: string): string {
  return join(stateDir, 'joining-key.pem');
}

async function readTextIfThere(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}
