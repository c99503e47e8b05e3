import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generateSource } from 'oazapfts';
import { bundleWorker } from './bundle-worker.ts';

const run = promisify(execFile);

/**
 * Writes the API's description and a TypeScript client of it: `openapi.json`, `client.js`, `client.d.ts`. The document is asked of
 * the routes themselves, which need no platform for it.
 */
export async function writeApiClient(root: string, out: string): Promise<void> {
  const { script } = await bundleWorker(root, 'worker/app.ts');
  await mkdir(join(root, '.data'), { recursive: true });
  // Below the project, so that its packages are found.
  const dir = await mkdtemp(join(root, '.data/api-client-'));
  try {
    await writeFile(join(dir, 'app.mjs'), script);
    const { app } = (await import(join(dir, 'app.mjs'))) as { app: { request(path: string): Promise<Response> } };
    const document = await (await app.request('/api/v1/openapi.json')).text();
    await mkdir(out, { recursive: true });
    await writeFile(join(out, 'openapi.json'), document);
    await writeFile(join(dir, 'client.ts'), await generateSource(join(out, 'openapi.json')));
    const options = [
      '--target',
      'es2024',
      '--module',
      'nodenext',
      '--declaration',
      '--skipLibCheck',
      '--types',
      'node',
    ];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, ...options, '--ignoreConfig', '--outDir', out, join(dir, 'client.ts')]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
