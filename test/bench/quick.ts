import { cpu } from './cpu.ts';
import type { Result } from './result.ts';
import { tiny } from './tiny.ts';
import { bulk, direct, small } from './volumes.ts';

/**
 * Parts of the other benchmarks, smaller and in fewer rounds, to run before and after a change. The goals are those of the
 * full size: here fixed costs weigh more.
 */
export const quick: (() => Promise<Result>)[] = [
  () => bulk({ rounds: 2, mebibytes: 256 }),
  () => direct({ rounds: 2, mebibytes: 256 }),
  () => cpu({ rounds: 1 }),
  () => tiny(1),
  () => small({ rounds: 1, files: 10_000 }),
];
