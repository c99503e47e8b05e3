import type { TLSSocket } from 'node:tls';
import { type Welcome, welcome } from '../../schema/volume-stream.ts';
import { Carrier } from './carrier.ts';
import { decodeControl, type Frame, violation } from './frame-codec.ts';
import { openFrameConnection, type StreamBounds } from './frame-connection.ts';

/** The source's side of one stripe: HELLO, then chunks from WELCOME on. */
export interface SendStripe {
  close(): void;
}

export function runSendStripe(
  socket: TLSSocket,
  options: {
    bounds: StreamBounds;
    hello: Buffer;
    /** WELCOME has come: chunks may go over this carrier. */
    onReady: (carrier: Carrier) => void;
    /** Throws a violation. */
    onReceived: (carrier: Carrier, sequence: number) => void;
    onWritable: () => void;
    /** Called once, also after `close`; never welcomed if `onReady` was not called. */
    onClosed: (carrier: Carrier) => void;
  },
): SendStripe {
  const { bounds, hello } = options;
  let welcomed = false;
  const onFrame = (frame: Frame) => {
    if (frame.name === 'alive') return;
    if (frame.name === 'welcome' && !welcomed) {
      decodeControl<Welcome>(welcome, frame.payload);
      welcomed = true;
      clearTimeout(timer);
      options.onReady(carrier);
    } else if (frame.name === 'received' && welcomed) options.onReceived(carrier, frame.payload.readUInt32BE(0));
    else throw violation(`${frame.name} on a stripe`);
  };
  const connection = openFrameConnection(socket, {
    bounds,
    takeSlot: () => {
      throw violation('a chunk from the target');
    },
    freeSlot: () => {},
    onFrame,
    onWritable: options.onWritable,
    onClosed: () => {
      clearTimeout(timer);
      options.onClosed(carrier);
    },
  });
  const timer = setTimeout(() => connection.fail(new Error('no WELCOME in time')), bounds.stripeDialMsMax);
  const carrier = new Carrier(connection);
  connection.send(hello);
  return { close: () => connection.fail(new Error('the stripe is closed')) };
}
