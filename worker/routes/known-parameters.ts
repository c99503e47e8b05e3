import { type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import type { Authed } from '../auth/authed.ts';

/**
 * Routes for tokens that name no query parameters refuse all of them, as lists refuse those that they don't know: a filter that is
 * misspelt, or sent to the wrong route, is told instead of ignored. Affects the routes that are added afterwards.
 */
export function refuseUnknownParameters(app: OpenAPIHono<Authed>): void {
  const { openapi } = app;
  const strict = <R extends RouteConfig>(route: R): R =>
    route.security?.some(({ bearer }) => bearer)
      ? { ...route, request: { query: z.strictObject({}), ...route.request } }
      : route;
  app.openapi = ((route, ...rest) => openapi(strict(route), ...rest)) as typeof openapi;
}
