import type { TLSSocket } from 'node:tls';
import {
  encodeRelayMessage,
  type RefusalCode,
  type RelayAnswer,
  readRelayMessage,
  relayProtocolVersion,
  relayRequest,
} from '../schema/relay-protocol.ts';
import type { TicketVerifier } from './join-ticket.ts';
import type { Matchmaking } from './matchmaking.ts';

/**
 * Handles one admission connection whose certificate has been verified: answers pings, takes one ticket, and closes
 * after the invitation or refusal. Closes a connection that is slow, sends too many messages or breaks the protocol.
 */
export function admit(
  socket: TLSSocket,
  options: {
    hostId: string;
    tickets: TicketVerifier;
    matchmaking: Matchmaking;
    messageMsMax: number;
    messagesMax: number;
    onRefused: (code: RefusalCode) => void;
  },
): void {
  let received: Uint8Array = new Uint8Array();
  let messages = 0;
  let state: 'open' | 'joining' | 'answered' = 'open';
  let withdraw = () => {};

  const send = (answer: RelayAnswer) => socket.write(encodeRelayMessage(answer));
  const sendLast = (answer: RelayAnswer) => {
    if (state === 'answered') return;
    state = 'answered';
    if (answer.type === 'refused') options.onRefused(answer.code);
    socket.end(encodeRelayMessage(answer));
    restartDeadline();
  };
  const refuse = (code: RefusalCode) => sendLast({ type: 'refused', code });

  // Runs from the last answer to the next complete message: bytes that trickle in do not extend it.
  let deadline = setTimeout(() => socket.destroy(), options.messageMsMax);
  const restartDeadline = () => {
    clearTimeout(deadline);
    deadline = setTimeout(() => socket.destroy(), options.messageMsMax);
  };

  const join = async (ticket: string) => {
    state = 'joining';
    clearTimeout(deadline);
    const verdict = await options.tickets.redeem(ticket, options.hostId);
    if (socket.destroyed) return;
    if (!verdict.ok) return refuse(verdict.code);
    withdraw = options.matchmaking.present({
      claims: verdict.claims,
      invite: (key) => sendLast({ type: 'invited', key }),
      refuse,
    });
  };

  const take = (value: unknown) => {
    const request = relayRequest.safeParse(value);
    messages += 1;
    if (!request.success || messages > options.messagesMax) return refuse('protocol_error');
    if (request.data.type === 'join') return void join(request.data.ticket);
    send({ type: 'pong', version: relayProtocolVersion });
    restartDeadline();
  };

  socket.on('data', (bytes: Buffer) => {
    if (state === 'answered') return;
    // Nothing may follow a join, so later bytes are not even buffered.
    if (state === 'joining') return refuse('protocol_error');
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    while (state === 'open') {
      const read = readRelayMessage(received);
      if (read.kind === 'more') return;
      if (read.kind === 'malformed') return refuse('protocol_error');
      received = read.rest;
      take(read.value);
    }
    if (received.length > 0) refuse('protocol_error');
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    clearTimeout(deadline);
    state = 'answered';
    withdraw();
  });
}
