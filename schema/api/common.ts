import { z } from 'zod';
import { limits } from '../limits.ts';
import { report } from '../preflight-report.ts';

/**
 * What requests and responses of the public API share. Times are RFC 3339 strings, sizes bytes, rates bytes per second. A
 * schema with an `id` in its `meta` becomes an OpenAPI component of that name.
 */

/** The form of `newId`. */
export const objectId = z
  .string()
  .max(64)
  .regex(/^[a-z]{2,5}_[0-9a-z]{26}$/, 'an id as this API gives it')
  .meta({ id: 'ObjectId', description: 'An id: a prefix for the kind, then 26 characters.' });

export const time = z.string().meta({ format: 'date-time' });
/** A time in a request: with its zone, so that it means the same to everybody. */
export const zonedTime = z.iso.datetime({
  offset: true,
  error: 'a time with its zone, like 2026-12-01T03:00:00+01:00',
});

/** Host and relay names: lower-case letters, digits, dot and dash. */
export const nodeName = z
  .string()
  .min(1)
  .max(limits.control.nameLengthMax)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'use lower-case letters, digits, dots and dashes')
  .meta({ id: 'NodeName', description: 'Name of a host or a relay.' });

/** Compose project names. */
export const stackName = z
  .string()
  .min(1)
  .max(limits.control.stackNameLengthMax)
  .regex(/^[a-z0-9][a-z0-9_-]*$/, 'a Compose project name: lower-case letters, digits, dashes and underscores')
  .meta({ id: 'StackName', description: 'The Compose project name.' });

/** A parameter that may be given several times; the route gets a list. */
export function repeated<const T extends readonly string[]>(values: T) {
  const one = z.enum(values);
  return z
    .union([one, z.array(one).max(limits.control.parameterTimesMax)], {
      error: `one of ${values.join(', ')}; repeat the parameter for several`,
    })
    .transform((given) => [given].flat() as T[number][]);
}

export const page = <T extends z.ZodType>(item: T) =>
  z
    .object({
      items: z.array(item),
      next_cursor: z.string().nullable().describe('`cursor` of the next page; null on the last.'),
    })
    .meta({ id: `${item.meta()?.id}Page` });

export const pageQuery = z.strictObject({
  cursor: z
    .string()
    .max(limits.control.cursorCharsMax)
    .optional()
    .describe('`next_cursor` of the previous page, unchanged.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(limits.control.pageSizeMax)
    .default(limits.control.pageSizeDefault)
    .describe('Maximum number of items per page.'),
});

export const sortOrder = (usual: 'asc' | 'desc') =>
  z.enum(['asc', 'desc']).default(usual).describe('Direction of `sort`. A cursor belongs to its sort and order.');

/** RFC 9457. */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().describe('Stable; branch on it, never on the texts.'),
    detail: z.string().describe('A sentence for people.'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('With `invalid_request`.'),
    report: report.optional().describe('With `preflight_failed`.'),
    hosts: z.array(objectId).optional().describe('With `stack_ambiguous`.'),
    migration_id: objectId
      .optional()
      .describe('With `migration_running`, `preflight_failed`, and `host_busy` of a drain.'),
    drain_id: objectId.optional().describe('With `drain_running`.'),
    remaining: z
      .array(z.object({ what: z.string(), why: z.string() }))
      .optional()
      .describe('With `purge_incomplete`.'),
  })
  .meta({ id: 'Problem' });
