import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import type { AuthorityKeys } from '../../schema/api/authority.ts';
import { hashToken, newToken } from '../../worker/store/token-format.ts';
import type { ControlFiles } from '../build/control-sources.ts';
import { applyMigrations, migrationNames } from './apply-migrations.ts';
import { cacheDir } from './cache-dir.ts';
import { assetsWithNode } from './carried-node.ts';
import { controlFiles } from './control-files.ts';
import { databaseFile, prepareFile } from './database-file.ts';
import { endWithParent } from './end-with-parent.ts';
import { freePort } from './free-port.ts';
import { insertRelay } from './insert-relay.ts';

export interface StartOptions {
  /** Holds D1 and the Durable Objects; created if absent. */
  dataDir: string;
  /** 0 for any free one. */
  port: number;
  host: string;
  /** Overrides of wrangler.toml's `[vars]`. */
  vars?: Record<string, string>;
  /** Files of another release; this one's by default. */
  files?: ControlFiles;
  /** Directory for a copy of the static files plus this process's Node, for hosts that have none. */
  carryNodeIn?: string;
  /** Receives the Worker's log lines; standard error by default. */
  onLog?: (line: string) => void;
}

export interface ControlPlane {
  url: string;
  /** A candidate token that its first use turns into the admin token; null once one exists. Not stored. */
  adminToken: string | null;
  /** The process that writes the databases. */
  workerPid: number | null;
  /** Creates a relay for this machine, and returns its join token. */
  relayJoinToken(): Promise<string>;
  /** The object that holds the fleet's keys. */
  authority(): Promise<AuthorityKeys>;
  /** Runs the cron handler. */
  tick(now?: Date): Promise<void>;
  close(): Promise<void>;
}

const localDatabaseId = '00000000-0000-0000-0000-000000000000';
/** As `triggers.crons` of wrangler.toml: locally no platform runs them. */
const tickMs = 5 * 60_000;

/** Runs the Worker of wrangler.toml on workerd on this machine, with its state in `dataDir`. */
export async function startControlPlane({
  dataDir,
  port,
  host,
  vars,
  files: given,
  carryNodeIn,
  onLog,
}: StartOptions): Promise<ControlPlane> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const workers = endWithParent('workerd');
  // Miniflare also opens loopback ports, and reports any of them if the port is 0.
  const own = port === 0 ? await freePort(host) : port;
  const token = newToken('sfy');
  const log = onLog ?? ((line) => process.stderr.write(`${line}\n`));
  const files = given ?? (await filesOnce());
  const packed = files.options.assets as { directory: string };
  const assets = carryNodeIn
    ? { ...packed, directory: await assetsWithNode(packed.directory, carryNodeIn, cacheDir()) }
    : packed;
  const options = convertV4MiniflareOptions({
    ...files.options,
    assets,
    bindings: { ...(files.options.bindings as object), ...vars, BOOTSTRAP_TOKEN_HASH: await hashToken(token) },
    // The database's file is named after its id: another id would be an empty database.
    d1Databases: { DB: localDatabaseId },
    modules: [{ type: 'ESModule' as const, path: 'worker.mjs', contents: files.script }],
    host,
    port: own,
    resourcePersistencePath: resolve(dataDir),
    cf: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.ERROR),
    logRequests: false,
    handleStructuredLogs: ({ message }) => log(message),
  });
  const database = await databaseFile(dataDir);
  if (database !== null) await prepareFile(database, files.migrationsDir, Date.now());
  const miniflare = leavingSignals(() => new Miniflare(options));
  try {
    await miniflare.ready;
    const db = await miniflare.getD1Database('DB');
    // A new one, or a file that was not the one this Worker uses.
    await applyMigrations(db, files.migrationsDir);
    const { results } = await db.prepare("SELECT 1 FROM api_token WHERE id LIKE 'tok%' LIMIT 1").all();
    const worker = await miniflare.getWorker();
    const tick = async (now = new Date()) => {
      await worker.scheduled({ scheduledTime: now });
    };
    const timer = setInterval(() => void tick().catch((error) => log(`cron: ${error}`)), tickMs);
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${own}`,
      adminToken: results.length === 0 ? token : null,
      workerPid: [...workers].at(-1) ?? null,
      relayJoinToken: () => insertRelay(db, Date.now()),
      authority: async () => {
        const namespace = await miniflare.getDurableObjectNamespace('FLEET_AUTHORITY');
        return namespace.get(namespace.idFromName('fleet')) as unknown as AuthorityKeys;
      },
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

/** Removes Miniflare's signal handlers, which would end the process at once instead of in order. */
function leavingSignals<T>(make: () => T): T {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  const made = make();
  for (const [signal, listeners] of before)
    for (const added of process.listeners(signal))
      if (!listeners.includes(added)) process.removeListener(signal, added);
  return made;
}

/** The database's migrations, in order. */
export const knownMigrations = async () => migrationNames((await filesOnce()).migrationsDir);

/** Cached: building them from the sources takes a while. */
function filesOnce(): Promise<ControlFiles> {
  made ??= controlFiles();
  return made;
}
let made: Promise<ControlFiles> | null = null;
