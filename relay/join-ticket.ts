import { errors, type JWK, jwtVerify } from 'jose';
import { limits } from '../schema/limits.ts';
import { type JoinTicketClaims, joinTicketClaims, type RefusalCode, ticketAudience } from '../schema/relay-protocol.ts';

export type TicketVerdict = { ok: true; claims: JoinTicketClaims } | { ok: false; code: RefusalCode };

export interface TicketVerifier {
  /** Verifies a ticket presented by the host that the TLS certificate names, and uses it up. */
  redeem(ticket: string, hostId: string): Promise<TicketVerdict>;
}

/**
 * Verifies signature, fleet, relay, expiry, and the host a ticket was issued to; each ticket is valid once. Used
 * tickets are remembered in memory until they expire: a stolen ticket is worthless without its host's key.
 */
export function createTicketVerifier(options: {
  fleetId: string;
  relayId: string;
  publicJwk: () => JWK;
  usedTicketsMax?: number;
}): TicketVerifier {
  const usedMax = options.usedTicketsMax ?? limits.relay.usedTicketsMax;
  const toleranceS = limits.control.clockSkewMsMax / 1000;
  /** Ticket id → second from which it is refused as expired anyway. Oldest first. */
  const used = new Map<string, number>();

  const verify = async (ticket: string): Promise<TicketVerdict> => {
    try {
      const { payload } = await jwtVerify(ticket, options.publicJwk(), {
        algorithms: ['ES256'],
        issuer: options.fleetId,
        audience: ticketAudience(options.relayId),
        requiredClaims: ['exp', 'iat', 'jti'],
        maxTokenAge: limits.certificate.ticketMsMax / 1000,
        clockTolerance: toleranceS,
      });
      const claims = joinTicketClaims.safeParse(payload);
      return claims.success ? { ok: true, claims: claims.data } : { ok: false, code: 'ticket_invalid' };
    } catch (error) {
      if (error instanceof errors.JWTExpired) return { ok: false, code: 'ticket_expired' };
      if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud')
        return { ok: false, code: 'wrong_relay' };
      return { ok: false, code: 'ticket_invalid' };
    }
  };

  const forgetExpired = () => {
    const now = Date.now() / 1000;
    for (const [jti, until] of used) {
      if (until > now) break;
      used.delete(jti);
    }
  };

  return {
    redeem: async (ticket, hostId) => {
      const verdict = await verify(ticket);
      if (!verdict.ok) return verdict;
      const { claims } = verdict;
      if (claims.sub !== hostId) return { ok: false, code: 'ticket_host_mismatch' };
      if (used.has(claims.jti)) return { ok: false, code: 'ticket_reused' };
      forgetExpired();
      if (used.size >= usedMax) return { ok: false, code: 'relay_full' };
      used.set(claims.jti, Math.max(claims.exp, claims.iat + limits.certificate.ticketMsMax / 1000) + toleranceS);
      return verdict;
    },
  };
}
