import { z } from 'zod';
import { limits } from '../limits.ts';
import { scopes } from '../scopes.ts';
import { objectId as id, pageQuery, time } from './common.ts';

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

export const auditView = z
  .object({
    id: z.number().int(),
    at: time,
    request_id: z.string(),
    actor: z.object({ kind: z.enum(['token', 'host', 'relay', 'operator']), id: z.string(), name: z.string() }),
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

export const auditQuery = pageQuery.extend({
  actor: id.optional().describe('Id of a token, a host or a relay.'),
  act: z.string().max(200).optional().describe('The `act` of the entries, such as `POST /api/v1/hosts`.'),
});
