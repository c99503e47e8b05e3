import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import {
  type End,
  end as endMessage,
  type Hello,
  hello as helloMessage,
  rejected,
  type Spread,
  spread as spreadMessage,
} from '../../schema/volume-stream.ts';
import { decodeControl, type Frame, violation } from './frame-codec.ts';
import type { ItemProof } from './tar-ports.ts';

/** Where the target stands in one connection of an item. */
export interface ReceiveState {
  /** HELLO has come. */
  greeted: boolean;
  /** END has come, so no chunk may follow. */
  ended: boolean;
  /** Was sent, in VERIFIED or WELCOME. */
  proof: ItemProof | null;
  /** ECHOs that came. */
  echoes: number;
}

/** What the target does next with a control frame. */
export type ReceiveStep =
  | { kind: 'note_alive' }
  | { kind: 'welcome'; hello: Hello }
  | { kind: 'echo' }
  | { kind: 'spread'; spread: Spread }
  | { kind: 'finish'; end: End }
  | { kind: 'done'; proof: ItemProof }
  /** The source ended the item. */
  | { kind: 'fail'; error: StackferryError };

export const receiveStart: ReceiveState = { greeted: false, ended: false, proof: null, echoes: 0 };

type ControlFrame = Exclude<Frame, { name: 'chunk' }>;

/**
 * Answers a control frame of the source. `next`: the chunk expected next, null before WELCOME. Throws a violation of the
 * protocol.
 */
export function onSourceFrame(
  state: ReceiveState,
  frame: ControlFrame,
  { lane, next }: { lane: string; next: number | null },
): { state: ReceiveState; step: ReceiveStep } {
  switch (frame.name) {
    case 'alive':
      return { state, step: { kind: 'note_alive' } };
    case 'rejected': {
      const { code, message } = decodeControl(rejected, frame.payload);
      return { state, step: { kind: 'fail', error: new StackferryError(code, `The source gave up: ${message}`) } };
    }
    case 'hello': {
      if (state.greeted) throw violation('HELLO twice');
      const hello = decodeControl(helloMessage, frame.payload);
      if (hello.stripe !== 0) throw violation(`HELLO of stripe ${hello.stripe} on the main connection`);
      if (hello.lane !== lane) throw violation(`HELLO for the item ${hello.lane}`);
      return { state: { ...state, greeted: true }, step: { kind: 'welcome', hello } };
    }
    case 'echo':
      // Each is answered, so a source that does not read must not send any number.
      if (next === null || state.echoes >= limits.stream.echoesMax) throw violation('ECHO out of turn');
      return { state: { ...state, echoes: state.echoes + 1 }, step: { kind: 'echo' } };
    case 'spread':
      if (next === null || state.ended) throw violation('SPREAD out of turn');
      return { state, step: { kind: 'spread', spread: decodeControl<Spread>(spreadMessage, frame.payload) } };
    case 'end': {
      if (next === null || state.ended) throw violation('END out of turn');
      const end = decodeControl(endMessage, frame.payload);
      if (end.chunks !== next) throw violation(`END after ${end.chunks} chunks, ${next} have come`);
      return { state: { ...state, ended: true }, step: { kind: 'finish', end } };
    }
    case 'done':
      if (!state.proof) throw violation('DONE before VERIFIED');
      return { state, step: { kind: 'done', proof: state.proof } };
    default:
      throw violation(`${frame.name} from the source`);
  }
}

/** The chunks that may come next. */
export interface Expected {
  /** All before have come. */
  next: number;
  /** The first that must not come yet: after `next`, before SPREAD. */
  limit: number;
  /** Has come, before its turn. */
  holds(sequence: number): boolean;
}

/** A repeated chunk is dropped; one out of turn breaks the protocol, and a reconnect requests it again. */
export function judgeChunk(
  { ended }: ReceiveState,
  sequence: number,
  { next, limit, holds }: Expected,
): 'take' | 'drop' | 'violation' {
  if (ended || sequence >= limit) return 'violation';
  return sequence < next || holds(sequence) ? 'drop' : 'take';
}
