import { cp, mkdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { agentVersion } from '../../node/version.ts';
import { run } from './run.ts';

const root = resolve(import.meta.dirname, '../..');
const sources = ['agent', 'cli', 'node', 'relay', 'schema', 'worker', 'package.json', 'wrangler.toml', 'tsconfig.json'];
const texts = ['README.md', 'LICENSE', 'CHANGELOG.md'];

/** A checkout of its own: what runs there builds and keeps its state apart from this one's. */
export async function copyCheckout(copy: string): Promise<void> {
  await mkdir(copy, { recursive: true });
  for (const name of [...sources, ...texts]) await cp(join(root, name), join(copy, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
}

/** Makes the package below `dir`: `npm pack` builds first, and other tests serve what is built here. */
export async function packPackage(dir: string): Promise<{ copy: string; tarball: string }> {
  const copy = join(dir, 'elsewhere', 'sources');
  await copyCheckout(copy);
  await run('npm', ['pack', '--pack-destination', dir], { cwd: copy, timeoutMs: 300_000 });
  return { copy, tarball: join(dir, `stackferry-${agentVersion}.tgz`) };
}
