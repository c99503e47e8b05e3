import { z } from 'zod';
import { stackName } from '../../schema/api/common.ts';
import { limits } from '../../schema/limits.ts';
import { modes } from '../../schema/migration-status.ts';
import { changedOptions } from '../../schema/move-options.ts';

/**
 * The plan of a drain as a file that a person edits. Every stack has its own options, so what is not edited is done as it
 * was planned; a stack that is not named stays.
 */
const entry = z.strictObject({
  /** Name or id of the only host that may take it; any if absent. */
  to: z.string().min(1).optional(),
  mode: z.enum(modes).optional(),
  leave: z.boolean().optional(),
  ...changedOptions,
});
export type PlanEntry = z.infer<typeof entry>;

export const planFile = z.strictObject({
  host: z.string().min(1),
  max_parallel: z.number().int().min(1).max(limits.drain.parallelMax).optional(),
  stacks: z.record(
    stackName,
    // A name whose options are all comments.
    z.preprocess((given) => given ?? {}, entry),
  ),
});
export type PlanFile = z.infer<typeof planFile>;
