import { build } from 'esbuild';

/**
 * Bundles the Worker into one module, resolving imports with its platform's conditions. Also returns the input modules.
 */
export async function bundleWorker(root: string, entry: string): Promise<{ script: string; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    preserveSymlinks: true,
    format: 'esm',
    target: 'es2024',
    platform: 'neutral',
    conditions: ['workerd', 'worker', 'browser'],
    mainFields: ['browser', 'module', 'main'],
    external: ['cloudflare:*', 'node:*'],
    loader: { '.html': 'text', '.css': 'text', '.svg': 'text', '.txt': 'text' },
    logLevel: 'silent',
  });
  const [module] = outputFiles;
  if (!module) throw new Error(`nothing came of bundling ${entry}`);
  return { script: module.text, inputs: Object.keys(metafile.inputs) };
}
