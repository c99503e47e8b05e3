import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { importedAuthority, importRefusals, sealedAuthority } from '../../schema/api/authority.ts';
import type { Authed } from '../auth/authed.ts';
import { fleetOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { answers, body, guarded, guardedBody, refuses } from './define.ts';

/**
 * An admin token alone is not enough: these routes work only while the secret AUTHORITY_WRAP_KEY is set, which seals
 * the keys and can be set only by an operator who may deploy. `stackferry authority` derives it from a passphrase, sets it,
 * calls the route once and deletes it.
 */
const path = '/api/v1/authority';
const tags = ['authority'];

const exporting = createRoute({
  method: 'post',
  path: `${path}/export`,
  tags,
  operationId: 'exportAuthority',
  summary: 'Export the keys of the certificate authority, sealed',
  description: 'Answers only while the secret `AUTHORITY_WRAP_KEY` is set, which seals them.',
  ...guarded('admin'),
  ...refuses('authority_closed', 'authority_missing'),
  responses: { 200: answers(sealedAuthority, 'The keys, sealed.') },
});

const importing = createRoute({
  method: 'post',
  path: `${path}/import`,
  tags,
  operationId: 'importAuthority',
  summary: 'Import the keys of a lost certificate authority',
  description:
    'Only if none are present, and only those whose fingerprint the database knows. Answers only while the secret `AUTHORITY_WRAP_KEY` is set, with which they were sealed.',
  ...guardedBody('admin'),
  ...refuses('authority_closed', 'authority_present', 'authority_refused'),
  request: { body: body(sealedAuthority) },
  responses: { 200: answers(importedAuthority, 'Imported, or already present.') },
});

export function authorityRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(exporting, async (c) => {
    const sealed = await fleetOf(c.env).sealed(wrapKeyIn(c.env));
    c.header('cache-control', 'no-store');
    return c.json({ sealed }, 200);
  });

  app.openapi(importing, async (c) => {
    const authority = fleetOf(c.env);
    const outcome = await authority.takeBack(wrapKeyIn(c.env), c.req.valid('json').sealed);
    if (outcome !== 'imported') throw new Problem(...importRefusals[outcome]);
    return c.json({ fleet_id: (await authority.info()).fleet_id }, 200);
  });
}

function wrapKeyIn({ AUTHORITY_WRAP_KEY }: Env): string {
  if (AUTHORITY_WRAP_KEY) return AUTHORITY_WRAP_KEY;
  throw new Problem(
    'authority_closed',
    'Keys can be neither exported nor imported while the secret AUTHORITY_WRAP_KEY is not set; `stackferry authority` sets it.',
  );
}
