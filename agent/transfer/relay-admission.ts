import type net from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { fleetTlsOptions, type Identity, wrongPeer } from '../../node/peer-identity.ts';
import { errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import {
  encodeRelayMessage,
  type RefusalCode,
  type RelayAnswer,
  type RelayRequest,
  readRelayMessage,
  relayAnswer,
} from '../../schema/relay-protocol.ts';

export interface RelayPlace {
  id: string;
  host: string;
  port: number;
}

/** A failure of the relay itself, not of the ticket or the peer. Carries the cause's code and message. */
export class RelayFault extends StackferryError {
  constructor(cause: unknown) {
    super(errorCodeOf(cause), errorMessageOf(cause), { cause });
  }
}

/** The relay refused a ticket that the control plane gave out. It may judge otherwise later. */
export class RelayRefusal extends StackferryError {}

/**
 * Presents a ticket to the relay and waits there for the peer. Resolves to the join key (64 hex digits). Throws
 * `relay_unavailable` (unreachable, no answer, full, peer not there yet), `ticket_refused`, `host_revoked`, or
 * `peer_untrusted` (what answered is not that relay).
 */
export async function requestJoin(
  identity: Identity,
  relay: RelayPlace,
  ticket: string,
  signal: AbortSignal,
): Promise<string> {
  const waitMs = limits.relay.joinWaitMsMax + limits.relay.answerMsMax;
  const { answer } = await askRelay(identity, relay, { type: 'join', ticket }, waitMs, signal);
  if (answer.type === 'invited') return answer.key;
  if (answer.type === 'refused') throw refusal(answer.code);
  throw new StackferryError('relay_unavailable', 'The relay sent an unexpected answer');
}

/** Milliseconds from the question to the answer. Throws like `requestJoin` if this relay does not answer this host. */
export async function pingRelay(identity: Identity, relay: RelayPlace, signal: AbortSignal): Promise<number> {
  const { answer, tookMs } = await askRelay(identity, relay, { type: 'ping' }, limits.relay.answerMsMax, signal);
  if (answer.type !== 'pong') throw new StackferryError('relay_unavailable', 'The relay sent an unexpected answer');
  return tookMs;
}

function refusal(code: RefusalCode): StackferryError {
  if (code === 'revoked')
    return new StackferryError('host_revoked', 'The relay refuses this host: it was removed from the fleet');
  const passing: RefusalCode[] = ['peer_absent', 'superseded'];
  const passes = new StackferryError('relay_unavailable', `The relay cannot connect the hosts now: ${code}`);
  if (code === 'host_full' || code === 'relay_full') return new RelayFault(passes);
  return passing.includes(code) ? passes : new RelayRefusal('ticket_refused', `The relay refused the ticket: ${code}`);
}

async function askRelay(
  identity: Identity,
  relay: RelayPlace,
  request: RelayRequest,
  answerMsMax: number,
  signal: AbortSignal,
): Promise<{ answer: RelayAnswer; tookMs: number }> {
  const socket = tls.connect({
    ...fleetTlsOptions(identity),
    host: relay.host,
    port: relay.port,
    servername: '',
    checkServerIdentity: (_host, certificate) => wrongPeer(certificate, identity.fleetId, 'relay', relay.id),
  });
  try {
    await untilSecure(socket, relay, signal);
    const askedAt = performance.now();
    socket.write(encodeRelayMessage(request));
    const answer = await firstAnswer(socket, answerMsMax, signal);
    return { answer, tookMs: performance.now() - askedAt };
  } catch (error) {
    throw signal.aborted ? error : new RelayFault(error);
  } finally {
    socket.destroy();
  }
}

function untilSecure(socket: TLSSocket, relay: RelayPlace, signal: AbortSignal): Promise<void> {
  const where = `${relay.host}:${relay.port}`;
  return settleOnce(socket, limits.stream.connectMsMax, signal, (resolve, reject) => {
    socket.once('secureConnect', () => resolve());
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      const unreached = cause.syscall !== undefined || cause.code === 'ECONNRESET';
      const code = unreached ? 'relay_unavailable' : 'peer_untrusted';
      reject(
        new StackferryError(
          code,
          `The relay at ${where} ${unreached ? 'cannot be reached' : 'is not trusted'}: ${cause.message}`,
          { cause },
        ),
      );
    });
  });
}

function firstAnswer(socket: TLSSocket, answerMsMax: number, signal: AbortSignal): Promise<RelayAnswer> {
  let received = Buffer.alloc(0);
  return settleOnce(socket, answerMsMax, signal, (resolve, reject) => {
    // A relay that refuses our certificate reports it only now: in TLS 1.3 the client finishes first.
    socket.once('error', (cause) =>
      reject(new StackferryError('relay_unavailable', `The relay hung up: ${cause.message}`, { cause })),
    );
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      const read = readRelayMessage(received);
      if (read.kind === 'more') return;
      const answer = relayAnswer.safeParse(read.kind === 'message' ? read.value : null);
      if (answer.success) resolve(answer.data);
      else reject(new StackferryError('relay_unavailable', 'The relay sent an invalid answer'));
    });
  });
}

/** A promise over a socket's events; also rejects on the socket's close, the deadline or the signal. */
export function settleOnce<T>(
  socket: net.Socket,
  msMax: number,
  signal: AbortSignal,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => fail('No answer in time'), msMax);
    const abort = () => finish(() => reject(new StackferryError('cancelled', 'Cancelled')));
    // An event that explains the close may follow it immediately.
    const closed = () => setImmediate(() => fail('The connection was closed'));
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('close', closed);
      settle();
    };
    const fail = (why: string) => finish(() => reject(new StackferryError('relay_unavailable', why)));
    socket.once('close', closed);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    start(
      (value) => finish(() => resolve(value)),
      (error) => finish(() => reject(error)),
    );
  });
}
