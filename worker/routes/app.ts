import { OpenAPIHono } from '@hono/zod-openapi';
import type { Authed } from '../auth/bearer.ts';
import { missingPage, uiRoutes } from '../ui/routes.tsx';
import { apiPageRoute } from './api-page.ts';
import { auditRoutes } from './audit.ts';
import { audited } from './audited.ts';
import { connectRoutes } from './connect.ts';
import { drainRoutes } from './drains.ts';
import { enrollRoutes } from './enroll.ts';
import { migrateRoutes } from './migrate.ts';
import { migrationEventRoutes } from './migration-events.ts';
import { migrationRoutes } from './migrations.ts';
import { nodeRoutes } from './nodes.ts';
import { openapiRoute } from './openapi.ts';
import { invalidRequest, onError, problemResponse } from './problem.ts';
import { stackRoutes } from './stacks.ts';
import { strictTransport } from './strict-transport.ts';
import { tokenRoutes } from './tokens.ts';
import { webhookDeliveryRoutes } from './webhook-deliveries.ts';
import { webhookRoutes } from './webhooks.ts';

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

nodeRoutes(app, 'host');
nodeRoutes(app, 'relay');
stackRoutes(app);
migrateRoutes(app);
migrationRoutes(app);
migrationEventRoutes(app);
drainRoutes(app);
tokenRoutes(app);
webhookRoutes(app);
webhookDeliveryRoutes(app);
auditRoutes(app);
enrollRoutes(app);
connectRoutes(app);
openapiRoute(app);
apiPageRoute(app);
uiRoutes(app);

/** Middleware that matches everything (method ALL) is no route. */
function methodsOf(path: string): string[] {
  return ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
}
