import { copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Fills worker/static, which wrangler.toml names as the directory of assets, with what the API's page at `/api/v1/docs`
 * and the web UI at `/ui` load. Run by `npm install`, so that tests, `npm start` and a deployment all find it.
 */
const source = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
const page = join(import.meta.dirname, '../worker/docs-page');
const root = join(import.meta.dirname, '../worker/static');
const place = join(root, 'api/v1/docs');

await rm(root, { recursive: true, force: true });
await mkdir(place, { recursive: true });
for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css', 'favicon-32x32.png', 'LICENSE', 'NOTICE'])
  await copyFile(join(source, name), join(place, name));
for (const name of ['start.js', 'page.css']) await copyFile(join(page, name), join(place, name));
await cp(join(import.meta.dirname, '../worker/ui/client'), join(root, 'ui'), { recursive: true });
const headers = ['/api/v1/docs/*', '/ui/*'].map((path) => `${path}\n  X-Content-Type-Options: nosniff\n`);
await writeFile(join(root, '_headers'), headers.join(''));
