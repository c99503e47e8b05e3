import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDigests } from '../local/carried-node.ts';
import { bundleProgram } from './node-bundles.ts';

/**
 * Writes the files that `/install.sh` fetches, below `into`/install: agent and relay, each one file, and the digests of
 * all.
 */
export async function fillInstall(root: string, into: string): Promise<{ inputs: string[] }> {
  const place = join(into, 'install');
  await mkdir(place, { recursive: true });
  const built = [];
  for (const name of ['agent', 'relay'])
    built.push(await bundleProgram(root, `${name}/main.ts`, join(place, `${name}.js`)));
  await cp(join(root, 'worker/install/install.sh'), join(place, 'install.sh'));
  await writeDigests(place);
  return { inputs: built.flatMap(({ inputs }) => inputs) };
}
