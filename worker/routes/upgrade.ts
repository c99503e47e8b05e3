import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId } from '../../schema/api/common.ts';
import { upgradeView } from '../../schema/api/nodes.ts';
import type { Authed } from '../auth/authed.ts';
import { upgradeHost } from '../objects/host-connection/upgrade.ts';
import { Problem } from '../problem.ts';
import { carriedAgent } from '../store/carried-program.ts';
import { findNode } from '../store/nodes.ts';
import { publicOrigin } from '../views/public-origin.ts';
import { answers, guarded, refuses } from './define.ts';

const upgrade = createRoute({
  method: 'post',
  path: '/api/v1/hosts/{id}/upgrade',
  tags: ['hosts'],
  operationId: 'upgradeHost',
  summary: "Upgrade an idle host's agent to the one that this control plane serves",
  description:
    "The host fetches the agent, checks it, and restarts: it is offline for some seconds, and its stacks run on. It is done once the host is `online` with this `program_sha256`; if the new agent does not come online within a minute, the one before starts again, and the host's `warnings` say why. Refused while a migration needs the host.",
  ...guarded('admin'),
  ...refuses(
    'not_found',
    'host_offline',
    'host_busy',
    'already_current',
    'not_upgradable',
    'command_failed',
    'digest_mismatch',
  ),
  request: { params: z.object({ id: objectId }) },
  responses: { 202: answers(upgradeView, 'The host has the program and restarts.') },
});

export function upgradeRoute(app: OpenAPIHono<Authed>): void {
  app.openapi(upgrade, async (c) => {
    const host = await findNode(c.env.DB, 'host', c.req.valid('param').id);
    if (!host) throw new Problem('not_found', 'There is no such host.');
    const carried = await carriedAgent(c.env);
    if (!carried) throw new Problem('not_found', 'This control plane carries no agent to install.');
    const outcome = await upgradeHost(c.env, host, carried, { origin: publicOrigin(c), automatic: false });
    if (!outcome.ok) throw new Problem(outcome.error.code, outcome.error.message);
    return c.json({ version: carried.version, program_sha256: carried.sha256 }, 202);
  });
}
