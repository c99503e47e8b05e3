import { build } from 'esbuild';

/** The Worker as one module, with what it imports by the conditions of its platform. */
export async function bundleWorker(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
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
  return module.text;
}
