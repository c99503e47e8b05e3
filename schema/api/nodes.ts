import { z } from 'zod';
import { resources } from '../host-facts.ts';
import { limits } from '../limits.ts';
import { objectId as id, nodeName, pageQuery, sortOrder, time } from './common.ts';

/** Hosts and relays. */

export const createNode = z.strictObject({ name: nodeName }).meta({ id: 'CreateNode' });

const nodeStatuses = ['pending', 'online', 'offline'] as const;
export const nodeView = z.object({
  id,
  name: z.string(),
  status: z
    .enum(nodeStatuses)
    .describe('In lists as last recorded, which may lag behind by a minute; one by itself is asked.'),
  created_at: time,
  joined_at: time.nullable(),
  seen_at: time.nullable(),
  agent_version: z.string().nullable(),
  connected_from: z.string().nullable().describe('Client address of its latest connection.'),
  certificate_ends_at: time.nullable(),
  warnings: z
    .array(
      z.object({ code: z.enum(['certificate_cloned', 'leftover', 'upgrade_failed']), at: time, message: z.string() }),
    )
    .describe('Conditions that an operator should check.'),
});
export const hostView = nodeView
  .extend({
    resources: resources.nullable(),
    cordoned_at: time.nullable().describe('From then on no migration may target it.'),
    program_sha256: z.string().nullable().describe('Digest of the file that its agent runs from.'),
  })
  .meta({ id: 'Host' });
export const upgradeView = z.object({ version: z.string(), program_sha256: z.string() }).meta({ id: 'Upgrade' });
export const relayView = nodeView
  .extend({ address: z.object({ host: z.string(), port: z.number() }).nullable() })
  .meta({ id: 'Relay' });
export const createdNode = nodeView
  .extend({ join_token: z.string().describe('Returned only here.'), join_token_expires_at: time })
  .meta({ id: 'CreatedNode' });

export const nodeSorts = ['created', 'name', 'seen', 'memory', 'disk'] as const;
export const nodesQuery = pageQuery.extend({
  name: nodeName.optional().describe('The one of this name.'),
  search: z.string().max(limits.control.nameLengthMax).optional().describe('Part of the name.'),
  status: z.enum(nodeStatuses).optional().describe('As the list tells it.'),
  cordoned: z.enum(['true', 'false']).optional().describe('Whether it is closed to migrations.'),
  sort: z.enum(nodeSorts).default('created').describe('`memory`, `disk`: by what is free.'),
  order: sortOrder('asc'),
});
