import { copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { addNode, writeDigests } from '../local/carried-node.ts';
import { writeApiClient } from './api-client-files.ts';
import { controlFromSources } from './control-sources.ts';
import { fillInstall } from './install-files.ts';
import { bundleCommandLine } from './node-bundles.ts';
import { stackferryPage } from './stackferry-page.ts';
import { fillStatic } from './static-files.ts';
import { thirdPartyNotices } from './third-party.ts';

/**
 * `npm run build`: writes the package's files to dist/ (or `--out DIR`).
 *
 *   agent.js, relay.js   each a program in one file
 *   cli/                 the command line and `serve`
 *   control/             the Worker, its settings, migrations and static files
 *   client/              the API's description, and a TypeScript client of it
 *   stackferry.1         the manual page
 *
 * With `--static` only worker/static, which wrangler.toml names: `npm install` runs that for tests, `npm start` and
 * deployments. With `--node` hosts of this platform can fetch this Node too.
 */
const root = resolve(import.meta.dirname, '../..');
const flag = { type: 'boolean', default: false } as const;
const { values: flags } = parseArgs({
  options: { static: flag, node: flag, out: { type: 'string', default: join(root, 'dist') } },
});
const out = resolve(flags.out);

if (flags.static) await fillAssets(join(root, 'worker/static'));
else await buildPackage();

async function fillAssets(into: string): Promise<{ inputs: string[] }> {
  await fillStatic(root, into);
  const built = await fillInstall(root, into);
  if (flags.node) {
    await addNode(join(into, 'install'));
    await writeDigests(join(into, 'install'));
  }
  return built;
}

async function buildPackage(): Promise<void> {
  await rm(out, { recursive: true, force: true });
  const control = join(out, 'control');
  await mkdir(control, { recursive: true });
  const worker = await controlFromSources();
  const bundles = [worker, await fillAssets(join(control, 'static')), await bundleCommandLine(root, join(out, 'cli'))];
  await writeFile(join(control, 'worker.js'), worker.script);
  await writeFile(join(control, 'options.json'), `${JSON.stringify(placeless(worker.options), null, 2)}\n`);
  await cp(worker.settingsFile, join(control, 'wrangler.toml'));
  await cp(worker.migrationsDir, join(control, 'migrations'), { recursive: true });
  await writeFile(join(out, 'stackferry.1'), stackferryPage());
  for (const name of ['agent.js', 'relay.js']) await copyFile(join(control, 'static/install', name), join(out, name));
  await writeApiClient(root, join(out, 'client'));
  const inputs = bundles.flatMap((bundle) => bundle.inputs);
  await writeFile(join(out, 'THIRD-PARTY-NOTICES.txt'), await thirdPartyNotices(root, inputs));
}

/** Removes the two settings with a path of this machine; `controlFiles` sets those of the installed package. */
function placeless({ rootPath: _, ...options }: Record<string, unknown>): Record<string, unknown> {
  const { directory: __, ...assets } = options.assets as Record<string, unknown>;
  return { ...options, assets };
}
