import { errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { shortened } from '../../schema/shortened.ts';
import { encodeControl } from './frame-codec.ts';

/** Abort reason when the agent stops. Its next start continues the work, so the peer is not notified and redials. */
export class AgentEnds extends StackferryError {
  constructor() {
    super('cancelled', 'The agent ends.');
  }
}

/** Encodes why this side gives the item up: the code, and the message cut to what a frame can hold. */
export function rejection(error: unknown): Buffer {
  return encodeControl('rejected', { code: errorCodeOf(error), message: shortened(errorMessageOf(error), 1000) });
}
