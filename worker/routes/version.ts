import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { agentVersion } from '../../node/version.ts';
import { versionView } from '../../schema/api/version.ts';
import type { Authed } from '../auth/authed.ts';
import { answers, guarded } from './define.ts';

const show = createRoute({
  method: 'get',
  path: '/api/v1/version',
  tags: ['version'],
  operationId: 'showVersion',
  summary: 'Show which release of the control plane answers',
  description: 'Whether it works is told without a token, outside of the API: `/healthz` and `/readyz`.',
  ...guarded('read'),
  responses: { 200: answers(versionView, 'The version.') },
});

export function versionRoute(app: OpenAPIHono<Authed>): void {
  app.openapi(show, (c) => c.json({ version: agentVersion, api: 'v1' }, 200));
}
