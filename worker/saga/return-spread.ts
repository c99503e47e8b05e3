import { limits } from '../../schema/limits.ts';

const { idleReturnMsMin, idleReturnMsMax, returnsPerS, returnSpreadMsMax } = limits.control;

/** Milliseconds over which the idle ones of so many hosts spread their return after a deploy. */
export function returnSpreadMs(hosts: number): number {
  const needed = Math.ceil((1_000 * hosts) / returnsPerS);
  return Math.min(returnSpreadMsMax, Math.max(idleReturnMsMax - idleReturnMsMin, needed));
}
