import { z } from 'zod';
import { limits } from './limits.ts';

/**
 * How two agents meet at a relay. One port takes both kinds of connection; the first byte tells them apart.
 *
 *   agent                                              relay
 *   ── TLS 1.3, both certificates of the fleet ────────▶        admission (first byte 0x16)
 *   ping ─────────────────────────────────────────────▶
 *        ◀───────────────────────────────────────────── pong
 *   join {ticket} ────────────────────────────────────▶
 *                                                       … until the peer's matching ticket has arrived
 *        ◀───────────────────────────────────────────── invited {key} | refused {code}, then closed
 *   ── plain TCP ──────────────────────────────────────▶        join (first byte 0x4a)
 *   0x4a, 32 bytes of key ────────────────────────────▶
 *   ◀═══════════ spliced with the peer's socket: end-to-end TLS the relay cannot read ═══════════▶
 *
 * Admission messages are a 4-byte big-endian length and that many bytes of JSON, at most `limits.relay.messageBytesMax`.
 * Tickets and join keys are good for one use.
 */
export const relayProtocolVersion = 1;

/** First byte of a TLS record that carries a ClientHello. */
export const tlsFirstByte = 0x16;
/** First byte of a plain join. */
export const joinFirstByte = 0x4a;
export const joinKeyBytes = 32;

/**
 * Why the relay refused. `peer_absent`, `relay_full` and `host_full` may pass with time; the others need a new ticket
 * or an operator.
 */
export const refusalCodes = [
  'ticket_invalid',
  'ticket_expired',
  'ticket_reused',
  'ticket_host_mismatch',
  'wrong_relay',
  'revoked',
  'peer_absent',
  'peer_mismatch',
  'superseded',
  'host_full',
  'relay_full',
  'protocol_error',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

export const relayRequest = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ping') }),
  z.strictObject({ type: z.literal('join'), ticket: z.string().max(4096) }),
]);
export type RelayRequest = z.infer<typeof relayRequest>;

export const relayAnswer = z.discriminatedUnion('type', [
  z.object({ type: z.literal('pong'), version: z.number().int() }),
  /** 64 hex digits. */
  z.object({ type: z.literal('invited'), key: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.object({ type: z.literal('refused'), code: z.enum(refusalCodes) }),
]);
export type RelayAnswer = z.infer<typeof relayAnswer>;

const id = z.string().min(1).max(64);

/** Claims of a join ticket: an ES256 JWT signed with the fleet's ticket key. Times in seconds, as in any JWT. */
export const joinTicketClaims = z.object({
  /** The fleet's id. */
  iss: id,
  /** `relay:<relay id>`. */
  aud: z.string().max(128),
  /** Single use. */
  jti: id,
  /** The session both sides ask for: `<migration id>.<lane>`, with `~<number>` behind it for a stripe of the lane. */
  sid: z.string().min(1).max(512),
  role: z.enum(['source', 'target']),
  /** The host this ticket was issued to, and the peer it may meet. */
  sub: id,
  peer: id,
  mig: id,
  iat: z.number().int(),
  exp: z.number().int(),
});
export type JoinTicketClaims = z.infer<typeof joinTicketClaims>;

export const ticketAudience = (relayId: string): string => `relay:${relayId}`;
export const ticketSession = (migrationId: string, lane: string): string => `${migrationId}.${lane}`;

export type PeerKind = 'host' | 'relay';

/** The name in a certificate: its only subject alternative name, a URI. */
export const spiffeUri = (fleetId: string, kind: PeerKind, id: string): string => `spiffe://${fleetId}/${kind}/${id}`;

/** Returns the id in a URI made by `spiffeUri` for this fleet and kind, else null. */
export function idOfSpiffeUri(uri: string, fleetId: string, kind: PeerKind): string | null {
  const prefix = spiffeUri(fleetId, kind, '');
  const rest = uri.startsWith(prefix) ? uri.slice(prefix.length) : '';
  return /^[A-Za-z0-9_-]{1,64}$/.test(rest) ? rest : null;
}

/** Encodes one admission message: length, then JSON. */
export function encodeRelayMessage(message: RelayRequest | RelayAnswer): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(message));
  const bytes = new Uint8Array(4 + json.length);
  new DataView(bytes.buffer).setUint32(0, json.length);
  bytes.set(json, 4);
  return bytes;
}

export type RelayRead =
  | { kind: 'more' }
  | { kind: 'message'; value: unknown; rest: Uint8Array }
  | { kind: 'malformed'; why: string };

/**
 * Decodes the first message of the bytes so far. A length above the cap is malformed at once, before its bytes arrive.
 */
export function readRelayMessage(bytes: Uint8Array): RelayRead {
  if (bytes.length < 4) return { kind: 'more' };
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  if (length === 0 || length > limits.relay.messageBytesMax) return { kind: 'malformed', why: `length ${length}` };
  if (bytes.length < 4 + length) return { kind: 'more' };
  try {
    const value: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes.subarray(4, 4 + length)),
    );
    return { kind: 'message', value, rest: bytes.subarray(4 + length) };
  } catch {
    return { kind: 'malformed', why: 'not JSON' };
  }
}
