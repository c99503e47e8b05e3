import { z } from 'zod';
import { objectId, pageQuery, stackName, time } from './api.ts';
import { drainStackStatuses, drainStatuses } from './drain.ts';
import { limits } from './limits.ts';
import { modes } from './migration-status.ts';

/** Requests and responses of `/hosts/{id}/drain` and `/drains`. */

export const drainRequest = z
  .strictObject({
    dry_run: z.boolean().default(false).describe('Only plan; changes nothing.'),
    stacks: z
      .array(stackName)
      .min(1)
      .max(limits.drain.stacksMax)
      .optional()
      .describe('Only these; all that live there where it is left out.'),
    target_host_id: objectId.optional().describe('The only host that may take them; any other where it is left out.'),
    max_parallel: z
      .number()
      .int()
      .min(1)
      .max(limits.drain.parallelMax)
      .default(limits.drain.parallelDefault)
      .describe('Migrations at a time.'),
    mode: z.enum(modes).default('stop-copy').describe('Of each migration.'),
    accept_unmoved: z
      .boolean()
      .default(false)
      .describe(
        'Of each migration: go on although anonymous volumes hold data, which stays behind, or bind mounts are absent.',
      ),
  })
  .meta({ id: 'DrainRequest' });
export type DrainRequest = z.infer<typeof drainRequest>;

export const abortRequest = z
  .strictObject({
    cancel_running: z.boolean().default(false).describe('Cancel its running migrations too; else they may finish.'),
  })
  .meta({ id: 'AbortRequest' });

const named = z.object({ id: objectId, name: z.string() });
const obstacle = z
  .object({
    code: z.string().describe('Stable; branch on it, never on the message.'),
    message: z.string().describe('A sentence for people.'),
  })
  .meta({ id: 'Obstacle' });
const fit = z
  .object({
    memory_needed_bytes: z.number().describe('1.2 × what the stack uses.'),
    memory_free_bytes: z.number().describe('What the target has free, less what was promised to others before.'),
    disk_needed_bytes: z.number().describe('1.1 × what the stack uses.'),
    disk_free_bytes: z.number().describe('Likewise.'),
  })
  .meta({ id: 'Fit' });

export const drainPlanView = z
  .object({
    host: named,
    targets: z
      .array(
        named.extend({
          online: z.boolean(),
          memory_free_bytes: z.number().nullable().describe('After what running migrations will still take.'),
          disk_free_bytes: z.number().nullable().describe('Likewise.'),
        }),
      )
      .describe('Hosts that are open to migrations.'),
    stacks: z
      .array(
        z.object({
          stack: named,
          target: named.nullable().describe('Null where it cannot move; `obstacle` says why.'),
          fit: fit.nullable(),
          why: z.string().describe('A sentence for people.'),
          obstacle: obstacle.nullable(),
        }),
      )
      .describe('In the order they would go: the biggest first.'),
    movable: z.number().int(),
    unmovable: z.number().int(),
    made_at: time,
  })
  .meta({ id: 'DrainPlan' });
export type DrainPlanView = z.infer<typeof drainPlanView>;

export const drainView = z
  .object({
    id: objectId,
    host: named,
    status: z
      .enum(drainStatuses)
      .describe('`completed`: all moved. `failed`, `aborted`: something stayed, and its `obstacle` says why.'),
    target_host_id: objectId.nullable(),
    mode: z.enum(modes),
    accept_unmoved: z.boolean(),
    max_parallel: z.number().int(),
    summary: z
      .object({
        ...{ waiting: z.number().int(), moving: z.number().int(), moved: z.number().int() },
        ...{ stayed: z.number().int(), gone: z.number().int() },
      })
      .describe('Stacks by what became of them; `gone` were no longer on the host at their turn.'),
    stacks: z
      .array(
        z.object({
          stack: named,
          status: z.enum(drainStackStatuses),
          since: time,
          target: named
            .nullable()
            .describe(
              'While it waits: where the plan sees it. Looked at anew at its turn, and kept where it still takes the stack.',
            ),
          fit: fit.nullable(),
          migration_id: objectId.nullable(),
          obstacle: obstacle.nullable().describe('Why it stayed; while it waits, what the plan found in its way.'),
        }),
      )
      .describe('In the order they go.'),
    created_at: time,
    updated_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Drain' });
export type DrainView = z.infer<typeof drainView>;

export const drainsQuery = pageQuery.extend({
  host: objectId.optional().describe('The host that is emptied.'),
  status: z.enum(drainStatuses).optional().describe('As the drains have it.'),
});
