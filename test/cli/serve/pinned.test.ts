import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';

const require = createRequire(import.meta.url);
const packageAt = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

it('serves on the very build of the platform that the tests and a deployment use', async () => {
  const own = await packageAt(new URL('../../../package.json', import.meta.url).pathname);
  const wrangler = await packageAt(require.resolve('wrangler/package.json'));
  expect(own.dependencies.miniflare).toBe(wrangler.dependencies.miniflare);
  expect(own.devDependencies.wrangler).toBe(wrangler.version);
});
