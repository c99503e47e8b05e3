import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlFiles, controlFromSources } from '../../cli/build/control-sources.ts';
import { buildPrograms } from './build-programs.ts';

const variable = 'STACKFERRY_PREBUILT';

/** Agent, relay and control plane as they ship. Bundled once for a run: each start from the sources takes seconds. */
export async function setup(): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-prebuilt-'));
  await buildPrograms(dir);
  await writeFile(join(dir, 'control.json'), JSON.stringify(await controlFromSources()));
  process.env[variable] = dir;
  return () => rm(dir, { recursive: true, force: true });
}

/** The files of `setup`; nothing where it did not run. */
export async function prebuilt(): Promise<{ agent?: string; relay?: string; control?: ControlFiles }> {
  const dir = process.env[variable];
  if (dir === undefined) return {};
  const control = JSON.parse(await readFile(join(dir, 'control.json'), 'utf8')) as ControlFiles;
  return { agent: join(dir, 'agent.js'), relay: join(dir, 'relay.js'), control };
}
