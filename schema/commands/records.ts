import { z } from 'zod';
import { empty, sourcePhases, targetPhases } from './parts.ts';

/** Commands that report a host's own record to a control plane that was restored from a backup. */
export const recordCommands = {
  /**
   * Reports the host's own record to a control plane that was restored from a backup. Stops what an older epoch left
   * running.
   */
  tell_source: { payload: empty, result: z.object({ phase: z.enum(sourcePhases) }) },
  /** `running`: something of it runs, where the stack's home is here. */
  tell_target: {
    payload: empty,
    result: z.object({ phase: z.enum(targetPhases), running: z.boolean().default(true) }),
  },
} as const;
