import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlFiles } from '../build/control-sources.ts';
import { CliError, exitCodes } from '../exit-code.ts';

declare const STACKFERRY_BUILT: true | undefined;

/** Uses the package's files in a built program, else the sources. */
export async function controlFiles(): Promise<ControlFiles> {
  if (typeof STACKFERRY_BUILT === 'undefined') {
    const files = await (await import('../build/control-sources.ts')).controlFromSources();
    await requireStatic((files.options.assets as { directory: string }).directory);
    return files;
  }
  return controlFilesIn(join(import.meta.dirname, '../control'));
}

/** A checkout lacks these files until they are built; an older one built fewer. */
async function requireStatic(dir: string): Promise<void> {
  const made = await access(join(dir, 'install/SHA256SUMS')).then(
    () => true,
    () => false,
  );
  if (made) return;
  throw new CliError('not_built', `${dir} lacks what pages and /install.sh load.`, exitCodes.failure, [
    'Run "npm install" in the checkout; where that was done before: npm run prepare',
  ]);
}

/** Reads the layout of `npm run build`. */
export async function controlFilesIn(dir: string): Promise<ControlFiles> {
  const options = JSON.parse(await readFile(join(dir, 'options.json'), 'utf8')) as { assets: object };
  return {
    script: await readFile(join(dir, 'worker.js'), 'utf8'),
    options: { ...options, rootPath: dir, assets: { ...options.assets, directory: join(dir, 'static') } },
    migrationsDir: join(dir, 'migrations'),
    settingsFile: join(dir, 'wrangler.toml'),
  };
}
