import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { hashToken, newToken } from '../worker/auth/token-format.ts';
import { applyMigrations } from './apply-migrations.ts';
import { bundleWorker } from './bundle-worker.ts';
import { endWithParent } from './end-with-parent.ts';
import { freePort } from './free-port.ts';

export interface StartOptions {
  /** Keeps D1 and the Durable Objects; made if absent. */
  dataDir: string;
  /** 0 for any free one. */
  port: number;
  host: string;
  /** Settings of wrangler.toml's `[vars]` that are to differ. */
  vars?: Record<string, string>;
  /** The Worker's log lines; standard error if not given. */
  onLog?: (line: string) => void;
}

export interface ControlPlane {
  url: string;
  /** Until one has been used: a token that becomes the admin's by its first use. Else null: it is not kept anywhere. */
  adminToken: string | null;
  /** Runs what cron would. */
  tick(now?: Date): Promise<void>;
  close(): Promise<void>;
}

const root = resolve(import.meta.dirname, '..');
/** As `triggers.crons` of wrangler.toml; locally no platform calls. */
const tickMs = 5 * 60_000;

/** The real Worker on workerd, on this machine: the Worker of wrangler.toml, its state under `dataDir`. */
export async function startControlPlane({ dataDir, port, host, vars, onLog }: StartOptions): Promise<ControlPlane> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  endWithParent('workerd');
  // Miniflare opens loopback ports of its own too, and reports any of them for "any free one".
  const own = port === 0 ? await freePort(host) : port;
  const token = newToken('sfy');
  const log = onLog ?? ((line) => process.stderr.write(`${line}\n`));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...(await workerOptions({ ...vars, BOOTSTRAP_TOKEN_HASH: await hashToken(token) })),
      host,
      port: own,
      resourcePersistencePath: resolve(dataDir),
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      handleStructuredLogs: ({ message }) => log(message),
    }),
  );
  try {
    await miniflare.ready;
    const db = await miniflare.getD1Database('DB');
    await applyMigrations(db, join(root, 'schema/migrations'));
    const { results } = await db.prepare('SELECT 1 FROM api_token LIMIT 1').all();
    const worker = await miniflare.getWorker();
    const tick = async (now = new Date()) => {
      await worker.scheduled({ scheduledTime: now });
    };
    const timer = setInterval(() => void tick().catch((error) => log(`cron: ${error}`)), tickMs);
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${own}`,
      adminToken: results.length === 0 ? token : null,
      tick,
      close: async () => {
        clearInterval(timer);
        await miniflare.dispose();
      },
    };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

async function workerOptions(vars: Record<string, string>) {
  // Its import sets up telemetry, unless told before.
  process.env.WRANGLER_SEND_METRICS ??= 'false';
  const { unstable_getMiniflareWorkerOptions } = await import('wrangler');
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(join(root, 'wrangler.toml'));
  if (!main) throw new Error('wrangler.toml names no main module');
  const script = await bundleWorker(main);
  return {
    ...workerOptions,
    bindings: { ...(workerOptions.bindings as Record<string, string>), ...vars },
    modules: [{ type: 'ESModule' as const, path: 'worker.mjs', contents: script }],
  };
}
