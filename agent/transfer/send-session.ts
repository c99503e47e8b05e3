import type { TLSSocket } from 'node:tls';
import { StackferryError } from '../../schema/errors.ts';
import { proof, rejected, volumeStreamVersion, welcome } from '../../schema/volume-stream.ts';
import { decodeControl, encodeControl, type Frame, violation } from './frame-codec.ts';
import { openFrameConnection, type StreamBounds } from './frame-connection.ts';
import type { Outbox } from './outbox.ts';
import type { SessionEnd } from './reconnect.ts';
import { rejection } from './rejection.ts';
import type { ItemProof } from './tar-ports.ts';
import type { Pace } from './throttle.ts';

/** A bound may be raised while it is waited for. */
const paceLookMs = 250;

export type SendSessionEnd = SessionEnd<ItemProof> | { kind: 'restart'; why: string };

/**
 * One connection of an item, the source's side: HELLO, what WELCOME asks for, END, until VERIFIED. Throws where the
 * item is over for good: the packer failed, the target rejected it, digests differ, or it was cancelled.
 */
export function runSendSession(
  socket: TLSSocket,
  options: {
    lane: string;
    stream: string;
    outbox: Outbox;
    bounds: StreamBounds;
    signal: AbortSignal;
    pace: Pace;
    onAlive: () => void;
    onAcknowledged: () => void;
    /** Sets who is called when the outbox has changed. */
    watch: (listener: (() => void) | null) => void;
  },
): Promise<SendSessionEnd> {
  const { outbox, bounds, signal } = options;
  return new Promise((resolve, reject) => {
    let welcomed = false;
    let cursor = 0;
    let endSent = false;
    let over = false;
    let paceTimer: NodeJS.Timeout | undefined;

    const finish = (settle: () => void) => {
      if (over) return;
      over = true;
      clearTimeout(welcomeTimer);
      clearTimeout(paceTimer);
      signal.removeEventListener('abort', cancel);
      options.watch(null);
      settle();
    };
    const interrupted = (error: Error) => finish(() => resolve({ kind: 'interrupted', error }));
    /** Ends the item: the peer is told, then the caller. */
    const giveUp = (error: unknown) => {
      if (!over) void connection.farewell(rejection(error)).then(() => finish(() => reject(error)));
    };
    const cancel = () => giveUp(new StackferryError('cancelled', 'The source cancelled the transfer'));

    const pump = () => {
      if (over) return;
      const failure = outbox.failure();
      if (failure) return giveUp(failure);
      if (!welcomed) return;
      while (connection.writable()) {
        const frame = outbox.frame(cursor);
        if (!frame) break;
        const waitMs = options.pace.waitMs();
        if (waitMs > 0) return pumpIn(Math.min(waitMs, paceLookMs));
        connection.send(frame);
        options.pace.sent(frame.length);
        cursor += 1;
      }
      const end = outbox.end();
      if (!end || endSent || cursor !== end.chunks) return;
      endSent = true;
      connection.send(encodeControl('end', end));
    };

    const pumpIn = (ms: number) => {
      clearTimeout(paceTimer);
      paceTimer = setTimeout(pump, ms);
    };

    const verify = (theirs: ItemProof) => {
      const end = outbox.end();
      if (!end || theirs.bytes !== end.bytes || theirs.sha256 !== end.sha256) {
        return giveUp(new StackferryError('digest_mismatch', 'The target verified other bytes than were sent'));
      }
      outbox.acknowledge(end.chunks);
      options.onAcknowledged();
      void connection
        .farewell(encodeControl('done'))
        .then(() => finish(() => resolve({ kind: 'done', value: theirs })));
    };

    const onWelcome = (payload: Buffer) => {
      if (welcomed) throw violation('WELCOME twice');
      clearTimeout(welcomeTimer);
      const { next, verified } = decodeControl(welcome, payload);
      if (verified) return verify(verified);
      if (next < outbox.first() || next > outbox.next()) {
        const why = `the target wants chunk ${next}, chunks ${outbox.first()} to ${outbox.next()} are held`;
        finish(() => resolve({ kind: 'restart', why }));
        socket.destroy();
        return;
      }
      welcomed = true;
      cursor = next;
      pump();
    };

    const onFrame = (frame: Frame) => {
      if (frame.name === 'chunk') throw violation('a chunk from the target');
      if (frame.name === 'alive') return options.onAlive();
      if (frame.name === 'welcome') return onWelcome(frame.payload);
      if (frame.name === 'rejected') {
        const { code, message } = decodeControl(rejected, frame.payload);
        finish(() => reject(new StackferryError(code, `The target gave up: ${message}`)));
        socket.destroy();
        return;
      }
      if (!welcomed) throw violation(`${frame.name} before WELCOME`);
      if (frame.name === 'ack') {
        const next = frame.payload.readUInt32BE(0);
        if (next > cursor) throw violation(`ACK of chunk ${next}, which was not sent`);
        outbox.acknowledge(next, frame.payload.readUInt32BE(4));
        options.onAcknowledged();
        return pump();
      }
      if (frame.name !== 'verified' || !endSent) throw violation(`${frame.name} out of turn`);
      verify(decodeControl(proof, frame.payload));
    };

    const connection = openFrameConnection(socket, {
      bounds,
      takeSlot: () => {
        throw violation('a chunk from the target');
      },
      freeSlot: () => {},
      onFrame,
      onWritable: pump,
      onClosed: interrupted,
    });
    const welcomeTimer = setTimeout(() => connection.fail(new Error('no WELCOME in time')), bounds.helloMsMax);
    signal.addEventListener('abort', cancel);
    if (signal.aborted) return cancel();
    options.watch(pump);
    connection.send(
      encodeControl('hello', { version: volumeStreamVersion, lane: options.lane, stream: options.stream }),
    );
    pump();
  });
}
