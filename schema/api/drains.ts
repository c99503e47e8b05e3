import { z } from 'zod';
import { everyBind } from '../bind-choice.ts';
import { drainStackStatuses, drainStatuses } from '../drain.ts';
import { lift } from '../lift.ts';
import { limits } from '../limits.ts';
import { modes } from '../migration-status.ts';
import { changedOptions, moveOptions } from '../move-options.ts';
import { objectId, pageQuery, repeated, stackName, time } from './common.ts';

/** `/hosts/{id}/drain` and `/drains`. */

const ofStack = z
  .strictObject({
    leave: z.boolean().optional().describe('It stays on the host.'),
    target_host_id: objectId.optional().describe('The only host that may take it.'),
    mode: z.enum(modes).optional(),
    ...changedOptions,
  })
  .meta({ id: 'DrainStackOptions' });
const perStack = z.record(stackName, ofStack).describe('By name, the options that differ for a stack of the drain.');

/** Variables, ports and names are each stack's own. */
const { env: _, proxy_protocol: __, cutover_dns: ___, ...ofEvery } = moveOptions.shape;

export const drainRequest = z
  .strictObject({
    dry_run: z.boolean().default(false).describe('Only plan; changes nothing.'),
    stacks: z
      .array(stackName)
      .min(1)
      .max(limits.drain.stacksMax)
      .optional()
      .describe('Only these stacks; default: all on the host.'),
    target_host_id: objectId.optional().describe('The only host that may take them; default: any other.'),
    pack: z
      .boolean()
      .default(false)
      .describe('Fill as few hosts as possible; otherwise each stack goes to the host with the most room left.'),
    max_parallel: z
      .number()
      .int()
      .min(1)
      .max(limits.drain.parallelMax)
      .default(limits.drain.parallelDefault)
      .describe('Concurrent migrations.'),
    mode: z.enum(modes).default('stop-copy').describe('Mode of each migration.'),
    // Of each migration.
    ...ofEvery,
    binds: z
      .array(z.literal(everyBind))
      .max(1)
      .default([])
      .describe('`["all"]`: each migration moves the data of all bind mounts that can move.'),
    per_stack: perStack.default({}).refine((given) => Object.keys(given).length <= limits.drain.stacksMax, {
      error: `At most ${limits.drain.stacksMax} stacks.`,
    }),
  })
  .meta({ id: 'DrainRequest' });
export type DrainRequest = z.infer<typeof drainRequest>;

export const abortRequest = z
  .strictObject({
    cancel_running: z.boolean().default(false).describe('Also cancel its running migrations; otherwise they finish.'),
  })
  .meta({ id: 'AbortRequest' });

export const drainCutoverView = z
  .object({
    cut_over: z.array(objectId).describe('Migrations that are being cut over.'),
    refused: z
      .array(z.object({ migration_id: objectId, code: z.string(), message: z.string() }))
      .describe('Those that hold on, and why.'),
  })
  .meta({ id: 'DrainCutover' });
export type DrainCutoverView = z.infer<typeof drainCutoverView>;

const named = z.object({ id: objectId, name: z.string() });
const obstacle = z
  .object({
    code: z.string().describe('Stable; branch on it, never on the message.'),
    message: z.string().describe('A sentence for people.'),
    lifted_by: z
      .array(lift)
      .default([])
      .describe('The ways to lift it by options of the stack, the best one first; each suffices.'),
  })
  .meta({ id: 'Obstacle' });
const fit = z
  .object({
    memory_needed_bytes: z.number().describe('1.2 × what the stack uses.'),
    memory_free_bytes: z.number().describe('Free on the target after earlier reservations.'),
    disk_needed_bytes: z.number().describe('1.1 × what the stack uses.'),
    disk_free_bytes: z.number().describe('Free on the target after earlier reservations.'),
  })
  .meta({ id: 'Fit' });

export const drainPlanView = z
  .object({
    host: named,
    targets: z
      .array(
        named.extend({
          online: z.boolean(),
          memory_free_bytes: z.number().nullable().describe('Free after the reservations of running migrations.'),
          disk_free_bytes: z.number().nullable().describe('Free after the reservations of running migrations.'),
        }),
      )
      .describe('Hosts that accept migrations.'),
    stacks: z
      .array(
        z.object({
          stack: named,
          target: named.nullable().describe('Null if it cannot move; see `obstacle`.'),
          fit: fit.nullable(),
          why: z.string().describe('A sentence for people.'),
          obstacle: obstacle.nullable(),
        }),
      )
      .describe('In migration order: largest first.'),
    left: z.array(named).default([]).describe('Stacks of the host that stay as asked.'),
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
      .describe('`completed`: all moved. `failed`, `aborted`: something stayed, see its `obstacle`.'),
    target_host_id: objectId.nullable(),
    mode: z.enum(modes),
    ...moveOptions.shape,
    per_stack: perStack.default({}),
    pack: z.boolean().default(false),
    max_parallel: z.number().int(),
    summary: z
      .object({
        ...{ waiting: z.number().int(), moving: z.number().int(), moved: z.number().int() },
        ...{ stayed: z.number().int(), gone: z.number().int() },
      })
      .describe('Number of stacks by status; `gone` were no longer on the host at their turn.'),
    stacks: z
      .array(
        z.object({
          stack: named,
          status: z.enum(drainStackStatuses),
          since: time,
          target: named
            .nullable()
            .describe('While it waits: the planned target. Checked again at its turn, and kept if it still fits.'),
          fit: fit.nullable(),
          migration_id: objectId.nullable(),
          obstacle: obstacle.nullable().describe('Why it stayed; while it waits, the obstacle that the plan found.'),
        }),
      )
      .describe('In migration order.'),
    created_at: time,
    updated_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Drain' });
export type DrainView = z.infer<typeof drainView>;

export const drainsQuery = pageQuery.extend({
  host: objectId.optional().describe('The drained host.'),
  status: repeated(drainStatuses).optional().describe('Status of the drains; repeat it for several.'),
});
