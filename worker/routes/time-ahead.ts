import { limits } from '../../schema/limits.ts';
import { Problem } from '../problem.ts';

/** Epoch milliseconds of a time that is to come; null if none was given. Throws `invalid_request`, naming the field. */
export function timeAhead(field: string, given: string | undefined, now: number): number | null {
  if (given === undefined) return null;
  const at = Date.parse(given);
  const said = new Date(at).toISOString();
  if (at <= now)
    throw new Problem('invalid_request', `${field}: ${said} has passed; it is ${new Date(now).toISOString()}.`);
  if (at > now + limits.hold.aheadMsMax)
    throw new Problem('invalid_request', `${field}: ${said} is more than a year ahead.`);
  return at;
}
