import { z } from 'zod';
import { limits } from '../limits.ts';
import { scopes } from '../scopes.ts';
import { objectId as id, pageQuery, time, zonedTime } from './common.ts';

/** Tokens and the audit log. */

/** Free text of one line. */
const label = z
  .string()
  .trim()
  .min(1)
  .max(limits.api.tokenNameCharsMax)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, 'one line without control characters');

export const createToken = z
  .strictObject({
    name: label,
    scopes: z
      .array(z.enum(scopes))
      .min(1)
      .max(scopes.length)
      .transform((list) => scopes.filter((scope) => list.includes(scope))),
    expires_in_s: z.number().int().min(limits.api.tokenSecondsMin).max(limits.api.tokenSecondsMax).optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  })
  .refine((request) => request.expires_in_s === undefined || request.expires_at === undefined, {
    path: ['expires_at'],
    message: 'give expires_in_s or expires_at, not both',
  })
  .meta({ id: 'CreateToken', description: 'A token without an expiry is valid until it is revoked.' });
export const tokenView = z
  .object({
    id,
    name: z.string(),
    kind: z
      .enum(['token', 'person'])
      .default('token')
      .describe('`person`: someone whom the login provider has named; has no token, only sessions in the browser.'),
    scopes: z.array(z.enum(scopes)),
    status: z.enum(['active', 'expired', 'revoked']),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
    last_used_at: time.nullable().describe('Up to five minutes behind.'),
  })
  .meta({ id: 'Token' });
export const createdToken = tokenView
  .extend({ token: z.string().describe('Returned only here.') })
  .meta({ id: 'CreatedToken' });

/** What acts are about: the first part of the path, or one of the last two. */
export const auditKinds = [
  ...(['hosts', 'relays', 'stacks', 'migrations', 'drains', 'webhooks', 'tokens', 'authority', 'enroll'] as const),
  ...(['login', 'events'] as const),
] as const;
export type AuditKind = (typeof auditKinds)[number];

export const auditView = z
  .object({
    id: z.number().int(),
    at: time,
    request_id: z.string(),
    actor: z
      .object({ kind: z.enum(['token', 'host', 'relay', 'operator']), id: z.string(), name: z.string() })
      .describe('Of the kind `token` also a person whom the login provider has named: the id begins with `usr_` then.'),
    act: z
      .string()
      .describe('`POST /api/v1/hosts`, `POST /ui/login`, or an event of the control plane: `certificate_cloned`.'),
    objects: z
      .record(z.string(), z.string())
      .describe("Ids of the objects, by the names of the route's parameters; `created` is a new one."),
    status: z.number().int(),
    code: z.string().nullable().describe('Code of the problem; null after success.'),
    address: z.string().nullable(),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntry = z.infer<typeof auditView>;

const auditFilter = {
  actor: id.optional().describe('Id of a token, a person, a host or a relay.'),
  act: z.string().max(200).optional().describe('The `act` of the entries, such as `POST /api/v1/hosts`.'),
  kind: z
    .enum(auditKinds)
    .optional()
    .describe('What the acts are about, by the first part of their path; `login`, and `events` of the control plane.'),
  host: id.optional().describe('Only what concerns this host: by it, on it, its migrations and its drains.'),
  stack: z
    .string()
    .max(limits.control.stackNameLengthMax)
    .optional()
    .describe('Only what concerns stacks of this name, and their migrations.'),
  since: zonedTime.optional().describe('Only entries of then or later.'),
  until: zonedTime.optional().describe('Only entries before.'),
};
export const auditQuery = pageQuery.extend(auditFilter);

/** A JSON object a line, or a table. */
export const auditFormats = ['ndjson', 'csv'] as const;

export const auditExportQuery = z.strictObject({
  ...auditFilter,
  format: z.enum(auditFormats).default('ndjson').describe('A JSON object a line, or a table with a head.'),
  before: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Only entries with a smaller id: `X-Next-Before` of the previous answer.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(limits.api.auditExportRowsMax)
    .default(limits.api.auditExportRowsMax)
    .describe('Maximum number of entries.'),
});
