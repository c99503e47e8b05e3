import { join } from 'node:path';
import { z } from 'zod';
import { containerPrior } from '../schema/commands/parts.ts';
import { contentDigestName } from '../schema/content-digest.ts';
import { addressTypes, zoneAndName } from '../schema/cutover-names.ts';
import { deployment } from '../schema/deployment.ts';
import { StackferryError } from '../schema/errors.ts';
import { stackVolume } from '../schema/facts.ts';
import { forwardedPort, forwardedPorts } from '../schema/forwarding.ts';
import { type Disk, nodeDisk } from './disk.ts';

const names = z.array(z.string());

/** What one lane transferred (`PassedItem`); the manifest is read back afterwards. */
const laneTransfer = z.object({
  bytes: z.number(),
  sha256: z.string(),
  unconfirmed_stream: z.string().nullable().default(null),
  manifest: z
    .object({
      sha256: z.string(),
      entries: z.number(),
      /** The digest of the files' contents in it, null for none; not recorded by the previous release. */
      contents: contentDigestName.nullable().optional(),
    })
    .nullable(),
  /** Target: the peer that its certificate named, and the stack that it named itself; null if it named none. */
  sent_by: z.object({ host: z.string(), project: z.string() }).nullable().default(null),
});

/** Connections that this host takes in place of the stack that it had. */
const forwardingRecord = z.object({
  ports: forwardedPorts,
  /** The listener of each port: an agent that starts again opens the same ones, since rules may lead there. */
  listeners: z.array(forwardedPort.extend({ listener: z.number().int() })),
  /** When it ends by itself, by this host's clock. */
  until_ms: z.number(),
  /** Where they are passed on to; null while they wait. */
  to: z.object({ peer: z.string(), proxied: z.array(z.number().int()) }).nullable(),
});

/** A DNS record that was changed, or was about to be: where it led, and where it leads from then on. */
const pointedRecord = z.object({
  ...zoneAndName.shape,
  zone_id: z.string(),
  record_id: z.string(),
  type: z.enum(addressTypes),
  from: z.string(),
  to: z.string(),
  done: z.boolean(),
});

export type ForwardingRecord = z.infer<typeof forwardingRecord>;

/** What this host must remember of a migration to undo its part. Written before the action it describes. */
export const ledgerEntry = z.object({
  migration_id: z.string(),
  project: z.string(),
  role: z.enum(['source', 'target']),

  // ---------------------------------------------------------- source
  /** Every container as it was before the first was disarmed; null until then. */
  prior: z.array(containerPrior).nullable(),
  /** Containers that did not end within their stop timeout. */
  killed: names,
  /**
   * Container id → `started_at`, recorded once all had stopped, or a rollback had started them. A different value later
   * means that it ran again (F26).
   */
  stopped: z.record(z.string(), z.string()).nullable(),
  /** When all had stopped, by this host's clock. */
  stopped_at_ms: z.number().nullable().default(null),
  /** Volume → bytes, as measured. */
  sizes: z.record(z.string(), z.number()),
  data: z
    .object({ volumes: names, directory: z.string(), binds: names.default([]), exclude: names.default([]) })
    .nullable()
    .default(null),
  /** Volume → mark that distinguishes it from a later volume of the same name. */
  marks: z.record(z.string(), z.string()).default({}),
  /** The stack has moved; what is here is the copy that the safety window keeps. */
  retained: z.boolean(),
  /** A rollback started the retained copy: containers may run, under a lease. */
  revived: z.boolean().default(false),
  /** Null if the stack's ports are as Docker publishes them. */
  forwarding: forwardingRecord.nullable().default(null),
  /** Paths that a purge has verified to hold exactly what was moved: a second try would find less. */
  purging: names.default([]),
  /** Path → mark of the directory that was verified: another one at that path was not. */
  purging_marks: z.record(z.string(), z.string()).default({}),
  /** Directories that a purge has emptied of what moved: what comes into them later is not the migration's. */
  left_behind: names.default([]),

  // ---------------------------------------------------------- target
  deployment: deployment.nullable(),
  volumes: z.array(stackVolume),
  /** Directories that get the data of bind mounts. */
  binds: names.default([]),
  /** External networks that this migration made. */
  networks: names.default([]),
  created: z.object({ containers: names, networks: names, volumes: names, paths: names }),
  /** Containers may exist. */
  deployed: z.boolean(),
  /** Containers created before the stop, and how they start (`Engine.assertAllowed`); null if none are left. */
  staged: z.object({ containers: names, plain: z.boolean() }).nullable().default(null),
  /** Containers may run. */
  started: z.boolean(),
  /** The migration is completed: no lease, and only an explicit command stops or removes the stack. */
  armed: z.boolean(),
  /** A rollback stopped the stack here; `prior` is its state before. */
  halted: z.boolean().default(false),
  /** The source passes connections on to these ports. */
  receiving: z.object({ peer: z.string(), ports: forwardedPorts, until_ms: z.number() }).nullable().default(null),
  /** Records of clients' names that were about to be changed, as they were; `done`: they lead here. */
  pointed: z.array(pointedRecord).default([]),
  /** When the lease ends, on the boot clock of that boot. */
  lease: z.object({ boot_id: z.string(), ends_at_ms: z.number() }).nullable(),

  // ---------------------------------------------------------- both
  /** Names of containers that a purge found to have run on the retained data. */
  ran_since: names.default([]),
  /** Lane → what it transferred, so that a restarted agent does not wait for a peer that has finished it. */
  lanes: z.record(z.string(), laneTransfer),
});
export type LedgerEntry = z.infer<typeof ledgerEntry>;

/** Holds one file per migration, `<id>.json`. */
export const ledgerDirectory = (stateDir: string): string => join(stateDir, 'migrations');

export interface MigrationLedger {
  /** Null if this host has no part in the migration. Throws if its file is damaged. */
  find(migrationId: string): LedgerEntry | null;
  all(): LedgerEntry[];
  /** Creates the entry if missing, applies `change`, and resolves once the result is on disk. */
  update(
    key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
    change: (entry: LedgerEntry) => void,
  ): Promise<LedgerEntry>;
  /** Like `update`, but does nothing if there is no entry. */
  amend(migrationId: string, change: (entry: LedgerEntry) => void): Promise<void>;
}

/** One file per migration, `<state>/migrations/<id>.json`, replaced atomically and synced. */
export async function openMigrationLedger(stateDir: string, disk: Disk = nodeDisk): Promise<MigrationLedger> {
  const directory = ledgerDirectory(stateDir);
  const entries = new Map<string, LedgerEntry | 'damaged'>();
  for (const name of await disk.list(directory)) {
    if (!name.endsWith('.json')) continue;
    entries.set(name.slice(0, -'.json'.length), await readEntry(disk, join(directory, name)));
  }

  const find = (migrationId: string) => {
    const entry = entries.get(migrationId) ?? null;
    if (entry !== 'damaged') return entry;
    // Continuing as if nothing were recorded could leave a stopped stack stopped, so a person must look.
    throw new StackferryError(
      'internal',
      `This host's record of migration ${migrationId} is damaged: ${join(directory, `${migrationId}.json`)}`,
    );
  };

  let tail: Promise<unknown> = Promise.resolve();
  const write = (migrationId: string, base: () => LedgerEntry | null, change: (entry: LedgerEntry) => void) => {
    const written = tail.then(async () => {
      const before = find(migrationId) ?? base();
      if (!before) return null;
      const after = structuredClone(before);
      change(after);
      await disk.replace(join(directory, `${fileNameOf(migrationId)}.json`), `${JSON.stringify(after)}\n`);
      entries.set(migrationId, after);
      return after;
    });
    tail = written.catch(() => {});
    return written;
  };

  return {
    find,
    all: () => [...entries.values()].filter((entry): entry is LedgerEntry => entry !== 'damaged'),
    update: async (key, change) => {
      const entry = await write(key.migration_id, () => emptyEntry(key), change);
      if (!entry) throw new StackferryError('internal', `No record was written for migration ${key.migration_id}`);
      return entry;
    },
    amend: async (migrationId, change) => {
      await write(migrationId, () => null, change);
    },
  };
}

function emptyEntry(key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>): LedgerEntry {
  return {
    ...key,
    prior: null,
    killed: [],
    stopped: null,
    sizes: {},
    stopped_at_ms: null,
    data: null,
    marks: {},
    retained: false,
    revived: false,
    forwarding: null,
    purging: [],
    purging_marks: {},
    left_behind: [],
    deployment: null,
    volumes: [],
    binds: [],
    networks: [],
    created: { containers: [], networks: [], volumes: [], paths: [] },
    deployed: false,
    staged: null,
    started: false,
    armed: false,
    halted: false,
    receiving: null,
    pointed: [],
    lease: null,
    lanes: {},
    ran_since: [],
  };
}

/** Ids come from the control plane and become file names. */
function fileNameOf(migrationId: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(migrationId)) return migrationId;
  throw new StackferryError('invalid_request', 'The migration id is not one that this agent can store');
}

async function readEntry(disk: Disk, path: string): Promise<LedgerEntry | 'damaged'> {
  try {
    return ledgerEntry.parse(JSON.parse((await disk.read(path)) ?? ''));
  } catch {
    return 'damaged';
  }
}
