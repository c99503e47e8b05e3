import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bundleProgram } from '../../cli/build/node-bundles.ts';

const root = resolve(import.meta.dirname, '../..');

/** Agent and relay as `npm run build` makes them, in a directory. */
export async function buildPrograms(out: string): Promise<void> {
  await bundleProgram(root, 'agent/main.ts', join(out, 'agent.js'));
  await bundleProgram(root, 'relay/main.ts', join(out, 'relay.js'));
  await writeFile(join(out, 'THIRD-PARTY-NOTICES.txt'), '');
}
