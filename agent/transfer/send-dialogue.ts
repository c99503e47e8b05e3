import { StackferryError } from '../../schema/errors.ts';
import { type End, proof as proofMessage, rejected, type Welcome, welcome } from '../../schema/volume-stream.ts';
import { decodeControl, type Frame, violation } from './frame-codec.ts';
import type { ItemProof } from './tar-ports.ts';

/** Where the source stands in one connection of an item. */
export interface SendState {
  /** WELCOME has come, so chunks may be sent. */
  welcomed: boolean;
  /** Sequence number of the next chunk to send. */
  cursor: number;
  endSent: boolean;
}

/** The chunks that the source holds, and the end of the item once it is known. */
export interface Held {
  /** Their digests have a key. */
  keyed: boolean;
  first: number;
  next: number;
  end: End | null;
}

/** What the source does next. */
export type SendStep =
  | { kind: 'note_alive' }
  /** WELCOME has come. */
  | { kind: 'send'; stripes: number; slots: number }
  | { kind: 'note_echo' }
  /** A chunk has arrived, while earlier ones may be under way. */
  | { kind: 'note_received'; sequence: number }
  | { kind: 'acknowledge'; next: number; waiting: number }
  | { kind: 'confirm'; proof: ItemProof }
  /** The target lacks chunks that are no longer held, or takes no keys: the item is packed again. */
  | { kind: 'restart'; why: string; keyed: boolean }
  /** The target ended the item. */
  | { kind: 'fail'; error: StackferryError }
  /** The source ends the item and says so. */
  | { kind: 'give_up'; error: StackferryError };

export const sendStart: SendState = { welcomed: false, cursor: 0, endSent: false };

/** Answers a frame of the target. Throws a violation of the protocol. */
export function onTargetFrame(state: SendState, frame: Frame, held: Held): { state: SendState; step: SendStep } {
  if (frame.name === 'chunk') throw violation('a chunk from the target');
  if (frame.name === 'alive') return { state, step: { kind: 'note_alive' } };
  if (frame.name === 'rejected') {
    const { code, message } = decodeControl(rejected, frame.payload);
    return { state, step: { kind: 'fail', error: new StackferryError(code, `The target gave up: ${message}`) } };
  }
  if (frame.name === 'welcome') return onWelcome(state, frame.payload, held);
  if (!state.welcomed) throw violation(`${frame.name} before WELCOME`);
  if (frame.name === 'ack') {
    const next = frame.payload.readUInt32BE(0);
    const waiting = frame.payload.readUInt32BE(4);
    if (next + waiting > state.cursor) throw violation(`ACK of chunk ${next + waiting}, which was not sent`);
    return { state, step: { kind: 'acknowledge', next, waiting } };
  }
  if (frame.name === 'echo') return { state, step: { kind: 'note_echo' } };
  if (frame.name === 'received')
    return { state, step: { kind: 'note_received', sequence: frame.payload.readUInt32BE(0) } };
  if (frame.name !== 'verified' || !state.endSent) throw violation(`${frame.name} out of turn`);
  return { state, step: compared(decodeControl(proofMessage, frame.payload), held.end) };
}

function onWelcome(state: SendState, payload: Buffer, held: Held): { state: SendState; step: SendStep } {
  if (state.welcomed) throw violation('WELCOME twice');
  const { next, verified, keyed, stripes, slots }: Welcome = decodeControl<Welcome>(welcome, payload);
  if (verified) return { state, step: compared(verified, held.end) };
  if (held.keyed && !keyed) {
    return { state, step: { kind: 'restart', why: 'the target takes no keys for digests', keyed: false } };
  }
  if (next < held.first || next > held.next) {
    const why = `the target wants chunk ${next}, chunks ${held.first} to ${held.next} are held`;
    return { state, step: { kind: 'restart', why, keyed: held.keyed } };
  }
  return { state: { ...state, welcomed: true, cursor: next }, step: { kind: 'send', stripes, slots } };
}

function compared(proof: ItemProof, end: End | null): SendStep {
  if (end && proof.bytes === end.bytes && proof.sha256 === end.sha256) return { kind: 'confirm', proof };
  const error = new StackferryError('digest_mismatch', 'The target verified different bytes than were sent');
  return { kind: 'give_up', error };
}
