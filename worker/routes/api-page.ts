import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Authed } from '../auth/authed.ts';

const path = '/api/v1/docs';

/**
 * Loads only this origin's files, which `cli/build/static-files.ts` provides. Inline styles are allowed because Swagger
 * UI sets some.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Stackferry API</title>
<link rel="icon" href="${path}/favicon-32x32.png">
<link rel="stylesheet" href="${path}/swagger-ui.css">
<link rel="stylesheet" href="${path}/page.css">
</head>
<body>
<nav class="back"><a href="/ui">Back to Stackferry</a></nav>
<div id="api"><noscript>This page needs JavaScript; the document itself is at <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</noscript></div>
<script src="${path}/swagger-ui-bundle.js"></script>
<script src="${path}/start.js"></script>
</body>
</html>
`;

/** The interactive API page. It keeps the entered token in the page only, and sends it nowhere else. */
export function apiPageRoute(app: OpenAPIHono<Authed>): void {
  app.get(path, (c) =>
    c.html(page, 200, {
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    }),
  );
}
