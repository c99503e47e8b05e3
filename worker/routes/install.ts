import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Authed } from '../auth/authed.ts';
import { problemResponse } from '../problem.ts';
import { installFile } from '../store/carried-program.ts';
import { publicOrigin } from '../views/public-origin.ts';

/** A host name may contain shell metacharacters; the address written into the script may not. */
const plainOrigin = /^https?:\/\/[A-Za-z0-9.:[\]-]+$/;

/**
 * `GET /install.sh`: what a new host pipes into `sh`. This control plane's address and the digests of the programs under
 * `/install/` are written in, so that a client that trusts the script can check the rest.
 */
export function installRoute(app: OpenAPIHono<Authed>): void {
  app.get('/install.sh', async (c) => {
    const origin = publicOrigin(c);
    if (!plainOrigin.test(origin))
      return problemResponse('invalid_request', 'That is not the address of a control plane.');
    const [script, digests] = await Promise.all([installFile(c.env, 'install.sh'), installFile(c.env, 'SHA256SUMS')]);
    if (script === null || digests === null)
      return problemResponse(
        'not_found',
        'This control plane carries no programs to install. In a checkout "npm run prepare" makes them; then start or deploy it again.',
      );
    return c.body(script.replaceAll('@CONTROL@', origin).replaceAll('@DIGESTS@', digests.trim()), 200, {
      'content-type': 'text/x-shellscript; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });
}
