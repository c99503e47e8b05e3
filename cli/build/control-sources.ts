import { join, resolve } from 'node:path';
import { bundleWorker } from './bundle-worker.ts';

/** Files of the control plane, without the platform that runs it. */
export interface ControlFiles {
  /** The Worker, one ES module. */
  script: string;
  /** Settings of wrangler.toml in Miniflare's format, without the script. */
  options: Record<string, unknown>;
  /** Directory of D1's migrations, SQL files. */
  migrationsDir: string;
  /** Path of wrangler.toml, for a deployment. */
  settingsFile: string;
}

const root = resolve(import.meta.dirname, '../..');

/** Bundles the Worker of wrangler.toml. `inputs`: every module in it, relative to the project. */
export async function controlFromSources(): Promise<ControlFiles & { inputs: string[] }> {
  // Importing wrangler sets up telemetry unless disabled before.
  process.env.WRANGLER_SEND_METRICS ??= 'false';
  const { unstable_getMiniflareWorkerOptions } = await import('wrangler');
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(join(root, 'wrangler.toml'));
  if (!main) throw new Error('wrangler.toml names no main module');
  return {
    ...(await bundleWorker(root, main)),
    options: workerOptions as Record<string, unknown>,
    migrationsDir: join(root, 'schema/migrations'),
    settingsFile: join(root, 'wrangler.toml'),
  };
}
