import { z } from 'zod';
import { deployment } from '../deployment.ts';
import { armed, binds, empty, health, project, removal, stopped, text } from './parts.ts';

/** The control plane saw the copy that is to be deleted run: its volumes may hold what is nowhere else. */
const copy_ran = z.boolean().default(false);

/** Commands of the safety window: rollback and purge, on either side. */
export const safetyWindowCommands = {
  /** Checks that the retained copy is intact: records, volumes, project directory. Changes nothing. */
  check_retained: { payload: z.object({ deployment, volumes: z.array(text), binds }), result: empty },
  /** Brings back the recorded containers, recreated if they are gone; restart policies off, under a lease. */
  revive_source: {
    payload: z.object({ deployment }),
    result: z.object({ containers: z.array(z.object({ id: text, service: text })) }),
  },
  verify_source: health,
  /** After `rolled_back`: restores the restart policies and drops the lease. */
  arm_source: { payload: z.object({ deployment }), result: armed },
  /** Stops what `revive_source` started; answers only when none of it runs. */
  stop_source: { payload: z.object(project), result: empty },
  /** Removes what the migration recorded as its source, even if created by others; nothing else. */
  purge_source: { payload: z.object({ deployment, volumes: z.array(text), binds, copy_ran }), result: removal },
  /** Records, disarms and stops the stack on the target. */
  halt_target: { payload: z.object(project), result: stopped },
  /** Restarts what `halt_target` stopped. */
  resume_target: { payload: z.object(project), result: z.object({ running: z.array(text) }) },
  /** Removes what a rolled-back migration left on the target. */
  purge_target: { payload: z.object({ ...project, copy_ran }), result: removal },
} as const;
