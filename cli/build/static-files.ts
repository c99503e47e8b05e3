import { copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));

/**
 * Writes the files of the API's page at `/api/v1/docs` and the web UI at `/ui` below `into`, in their served layout.
 */
export async function fillStatic(root: string, into: string): Promise<void> {
  const page = join(root, 'worker/docs-page');
  const place = join(into, 'api/v1/docs');
  await rm(into, { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css', 'favicon-32x32.png', 'LICENSE', 'NOTICE'])
    await copyFile(join(source, name), join(place, name));
  for (const name of ['start.js', 'page.css']) await copyFile(join(page, name), join(place, name));
  await cp(join(root, 'worker/ui/client'), join(into, 'ui'), { recursive: true });
  const headers = ['/api/v1/docs/*', '/ui/*'].map((path) => `${path}\n  X-Content-Type-Options: nosniff\n`);
  await writeFile(join(into, '_headers'), headers.join(''));
}
