import { errorCodeOf, errorMessageOf } from '../../schema/errors.ts';
import { shortened } from '../../schema/shortened.ts';
import { encodeControl } from './frame-codec.ts';

/** What a side tells its peer when it gives the item up: the code, and the message cut to what a frame holds. */
export function rejection(error: unknown): Buffer {
  return encodeControl('rejected', { code: errorCodeOf(error), message: shortened(errorMessageOf(error), 1000) });
}
