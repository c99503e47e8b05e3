import type { OpenAPIHono } from '@hono/zod-openapi';
import { agentPaths } from '../../schema/enrolment.ts';
import { verifyAgentToken } from '../auth/agent-token.ts';
import type { Authed } from '../auth/authed.ts';
import { clientAddress } from '../auth/client-address.ts';
import { countsNodeAttempts } from '../auth/rate-limit.ts';
import { connectionOf } from '../durable-objects.ts';
import { Problem } from '../problem.ts';

/**
 * The control connection: `Authorization: Bearer <agent token>` and an upgrade to WebSocket. `openapi-components.ts`
 * describes it.
 */
export function connectRoutes(app: OpenAPIHono<Authed>): void {
  app.get(agentPaths.connect, countsNodeAttempts, async (c) => {
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket')
      throw new Problem('invalid_request', 'Agents connect here by WebSocket.');
    const { row } = await verifyAgentToken(c.env, c.req.header('authorization'), { expiredAllowed: false });
    const url = new URL('https://host-connection/connect');
    url.searchParams.set('node', row.id);
    url.searchParams.set('kind', row.kind);
    url.searchParams.set('name', row.name);
    url.searchParams.set('address', clientAddress(c) ?? '');
    return connectionOf(c.env, row.id).fetch(url, { headers: { upgrade: 'websocket' } });
  });
}
