import type { ErrorCode } from '../../../schema/errors.ts';

/** Why an operator's request is not done, in the words of the answer. */
export interface Refusal {
  code: ErrorCode;
  message: string;
}
