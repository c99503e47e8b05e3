import { decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import { agentTokenAudience } from '../../schema/enrolment.ts';
import { limits } from '../../schema/limits.ts';
import { fleetOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { type Identity, readIdentity } from '../objects/fleet-authority/identity.ts';
import { Problem } from '../problem.ts';
import { findNodeEver, type NodeRow } from '../store/nodes.ts';
import { useOnce } from '../store/tokens.ts';
import { bearerOf } from './bearer.ts';

/**
 * Authenticates an agent or relay. A Worker cannot check client certificates of a private CA, so the agent sends a JWT:
 *
 *   header   alg ES256, x5c [its certificate, base64 DER]
 *   claims   aud `stackferry-control`, iat, exp at most 60 s later, jti (used once)
 *
 * signed with the certificate's key. Checks that the fleet's CA signed the certificate, that it has not expired (except at
 * renewal: a host that was offline may still have to clean up), that the node exists, and that the certificate is its newest
 * or previous one. Calls `onHolder` once the signature is verified, even if the token is then refused.
 */
export async function verifyAgentToken(
  env: Env,
  header: string | undefined,
  { expiredAllowed, onHolder }: { expiredAllowed: boolean; onHolder?: (row: NodeRow) => void },
): Promise<{ row: NodeRow; serial: string }> {
  const token = bearerOf(header);
  if (!token) throw new Problem('unauthorized', 'Send a token signed with the host key.');
  const identity = await identityOf(env, token, expiredAllowed);
  const claims = await claimsOf(token, identity.publicKey);
  const row = await findNodeEver(env.DB, identity.id);
  if (!row || row.kind !== identity.kind) throw refused('no such node');
  onHolder?.(row);
  if (row.deleted_at !== null) throw new Problem('host_revoked', `"${row.name}" was deleted; it has to join again.`);
  const good = [row.certificate_serial, row.certificate_serial_before];
  if (!good.includes(identity.serial)) throw refused('it was replaced by a newer one');
  const keptUntil = Date.now() + limits.control.agentTokenMsMax + 2 * limits.control.clockSkewMsMax;
  if (!(await useOnce(env.DB, `${row.id}.${claims.jti}`, keptUntil)))
    throw new Problem('unauthorized', 'That token was used before; sign a new one.');
  return { row, serial: identity.serial };
}

async function identityOf(env: Env, token: string, expiredAllowed: boolean): Promise<Identity> {
  const leaf = leafOf(token);
  const { fleet_id, ca_pem } = await fleetOf(env).info();
  const identity = leaf && (await readIdentity(leaf, ca_pem, fleet_id));
  if (!identity) throw refused('it is not of this fleet');
  const now = Date.now();
  if (now < identity.begins_at) throw refused('it is not valid yet');
  if (now >= identity.ends_at && !expiredAllowed) throw refused('it has expired; renew it');
  return identity;
}

/** Returns the base64 DER of the single certificate in the token's header. */
function leafOf(token: string): string | null {
  try {
    const { alg, x5c } = decodeProtectedHeader(token);
    return alg === 'ES256' && x5c?.length === 1 && typeof x5c[0] === 'string' ? x5c[0] : null;
  } catch {
    return null;
  }
}

async function claimsOf(token: string, key: CryptoKey): Promise<JWTPayload & { jti: string }> {
  const skewS = limits.control.clockSkewMsMax / 1000;
  const lifeS = limits.control.agentTokenMsMax / 1000;
  const malformed = new Problem('unauthorized', 'That token’s signature, audience or date is not valid.');
  const verified = await jwtVerify(token, key, {
    algorithms: ['ES256'],
    audience: agentTokenAudience,
    clockTolerance: skewS,
    maxTokenAge: lifeS,
    requiredClaims: ['exp', 'iat', 'jti'],
  }).catch(() => {
    throw malformed;
  });
  const { exp = Number.POSITIVE_INFINITY, iat = 0, jti } = verified.payload;
  if (exp - iat > lifeS || !jti || jti.length > 64) throw malformed;
  return { ...verified.payload, jti };
}

function refused(why: string): Problem {
  return new Problem('certificate_invalid', `The certificate is refused: ${why}.`);
}
