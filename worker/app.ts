import { OpenAPIHono } from '@hono/zod-openapi';
import type { Authed } from './auth/authed.ts';
import { invalidRequest, problemResponse } from './problem.ts';
import { apiPageRoute } from './routes/api-page.ts';
import { auditRoutes } from './routes/audit.ts';
import { audited } from './routes/audited.ts';
import { authorityRoutes } from './routes/authority.ts';
import { connectRoutes } from './routes/connect.ts';
import { drainCutoverRoutes } from './routes/drain-cutover.ts';
import { drainRoutes } from './routes/drains.ts';
import { enrollRoutes } from './routes/enroll.ts';
import { eventRoutes } from './routes/events.ts';
import { forwardingRoutes } from './routes/forwarding.ts';
import { installRoute } from './routes/install.ts';
import { joinTokenRoutes } from './routes/join-token.ts';
import { refuseUnknownParameters } from './routes/known-parameters.ts';
import { migrateRoutes } from './routes/migrate.ts';
import { migrationEventRoutes } from './routes/migration-events.ts';
import { migrationReadRoutes } from './routes/migration-reads.ts';
import { migrationRoutes } from './routes/migrations.ts';
import { nodeRoutes } from './routes/nodes.ts';
import { observeRoutes } from './routes/observe.ts';
import { onError } from './routes/on-error.ts';
import { openapiRoute } from './routes/openapi.ts';
import { stackRoutes } from './routes/stacks.ts';
import { strictTransport } from './routes/strict-transport.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { upgradeRoute } from './routes/upgrade.ts';
import { versionRoute } from './routes/version.ts';
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { missingPage, uiRoutes } from './ui/routes.tsx';

export const app = new OpenAPIHono<Authed>({
  defaultHook: (result) => {
    if (!result.success) throw invalidRequest(result.error);
  },
});

app.onError(onError);
app.notFound((c) => {
  const allowed = methodsOf(c.req.path).filter((method) => method !== c.req.method);
  const page = missingPage(c);
  if (allowed.length === 0 && page) return page;
  if (allowed.length === 0) return problemResponse('not_found', 'There is nothing at this address.');
  const headers = { allow: allowed.join(', ') };
  return problemResponse('method_not_allowed', `This address answers ${headers.allow}.`, { headers });
});

app.use(strictTransport);
app.use('/api/v1/*', audited);
refuseUnknownParameters(app);

nodeRoutes(app, 'host');
nodeRoutes(app, 'relay');
joinTokenRoutes(app, 'host');
joinTokenRoutes(app, 'relay');
upgradeRoute(app);
stackRoutes(app);
migrateRoutes(app);
migrationReadRoutes(app);
migrationRoutes(app);
migrationEventRoutes(app);
eventRoutes(app);
forwardingRoutes(app);
drainRoutes(app);
drainCutoverRoutes(app);
tokenRoutes(app);
webhookRoutes(app);
webhookDeliveryRoutes(app);
auditRoutes(app);
authorityRoutes(app);
enrollRoutes(app);
connectRoutes(app);
observeRoutes(app);
versionRoute(app);
openapiRoute(app);
apiPageRoute(app);
installRoute(app);
uiRoutes(app);

/** Middleware (method ALL) is not counted as a route. */
function methodsOf(path: string): string[] {
  return ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
}
