import { join } from 'node:path';
import { z } from 'zod';
import { containerPrior, deployment, type Leftover } from '../schema/agent-protocol.ts';
import { StackferryError } from '../schema/errors.ts';
import { stackVolume } from '../schema/facts.ts';
import { type Disk, nodeDisk } from './disk.ts';

const names = z.array(z.string());

/** What crossed the wire in one lane; the manifest is read back afterwards. */
const laneTransfer = z.object({
  bytes: z.number(),
  sha256: z.string(),
  manifest: z.object({ sha256: z.string(), entries: z.number() }).nullable(),
});

/** All this host must remember of one migration to undo its part. On disk before the act it speaks of. */
export const ledgerEntry = z.object({
  migration_id: z.string(),
  project: z.string(),
  role: z.enum(['source', 'target']),

  // ---------------------------------------------------------- source
  /** Every container as it was before anything was disarmed; null while nothing was touched. */
  prior: z.array(containerPrior).nullable(),
  /** Containers that did not end by themselves. */
  killed: names,
  /** Container id → `started_at`, once all had stopped: any other value later means that it ran again (F26). */
  stopped: z.record(z.string(), z.string()).nullable(),
  /** When all had stopped, by this host's clock. */
  stopped_at_ms: z.number().nullable().default(null),
  /** Volume → bytes, as measured. */
  sizes: z.record(z.string(), z.number()),
  /** What moves: volumes and the project directory. */
  data: z.object({ volumes: names, directory: z.string() }).nullable().default(null),
  /** Volume → what tells it from a later one of its name. */
  marks: z.record(z.string(), z.string()).default({}),
  /** The stack has a new home; what is here is the copy that the safety window keeps. */
  retained: z.boolean(),
  /** A rollback started the retained copy: containers may run, under a lease. */
  revived: z.boolean().default(false),
  /** Paths that a purge found to hold exactly what was moved: a second try finds less. */
  purging: names.default([]),

  // ---------------------------------------------------------- target
  deployment: deployment.nullable(),
  volumes: z.array(stackVolume),
  created: z.object({ containers: names, networks: names, volumes: names, paths: names }),
  /** Containers may exist. */
  deployed: z.boolean(),
  /** Those that were made before the stop, and how they start (`Engine.assertAllowed`); null where none were, or they are gone. */
  staged: z.object({ containers: names, plain: z.boolean() }).nullable().default(null),
  /** Containers may run. */
  started: z.boolean(),
  /** The migration is completed: no lease any more, never stopped or removed but on an explicit command. */
  armed: z.boolean(),
  /** A rollback stopped the stack here; `prior` says what it was like. */
  halted: z.boolean().default(false),
  /** When leave to run ends, on the boot clock of that boot. */
  lease: z.object({ boot_id: z.string(), ends_at_ms: z.number() }).nullable(),

  // ---------------------------------------------------------- both
  /** Lane → what went through it, so that a restarted agent does not wait for a peer that is done with it. */
  lanes: z.record(z.string(), laneTransfer),
});
export type LedgerEntry = z.infer<typeof ledgerEntry>;

/** One file per migration in it, `<id>.json`. */
export const ledgerDirectory = (stateDir: string): string => join(stateDir, 'migrations');

/** Whether what this entry started runs only as long as the control plane gives leave. */
export function isLeased({ deployed, armed, halted, revived }: LedgerEntry): boolean {
  return (deployed && !armed && !halted) || revived;
}

/** Ids of what has to stop when that leave ends. */
export function leasedContainers({ created, prior, revived }: LedgerEntry): string[] {
  const own = revived ? (prior ?? []).map(({ id }) => id) : [];
  return [...new Set([...own, ...created.containers])];
}

/** On a target: where this migration put the files, once `deploy` may have used them. On a source they always were its own. */
export function ownsFiles({ deployment, deployed, revived, created }: LedgerEntry): boolean {
  return revived || (deployed && deployment !== null && created.paths.includes(deployment.target_dir));
}

/** Copies that are not their stack's home, by the newest migration of each project. */
export function leftoversIn(entries: LedgerEntry[]): Leftover[] {
  const newest = new Map<string, LedgerEntry>();
  for (const entry of entries.toSorted((a, b) => (a.migration_id < b.migration_id ? -1 : 1)))
    newest.set(entry.project, entry);
  return [...newest.values()]
    .filter(({ role, retained, armed, halted }) => (role === 'source' ? retained : !armed || halted))
    .map(({ project, migration_id }) => ({ project, migration_id }));
}

export interface MigrationLedger {
  /** null for a migration that this host has no part in. Throws where its file is damaged. */
  find(migrationId: string): LedgerEntry | null;
  all(): LedgerEntry[];
  /** Makes the entry where there is none, lets `change` alter it, and resolves once that is on disk. */
  update(
    key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
    change: (entry: LedgerEntry) => void,
  ): Promise<LedgerEntry>;
  /** As `update`, but leaves alone what is not there. */
  amend(migrationId: string, change: (entry: LedgerEntry) => void): Promise<void>;
}

/** One file per migration, `<state>/migrations/<id>.json`, replaced whole and synced. */
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
    // To go on as if nothing were recorded could leave a stopped stack stopped, so a person must look.
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
      if (!entry) throw new StackferryError('internal', `Nothing was recorded of migration ${key.migration_id}`);
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
    purging: [],
    deployment: null,
    volumes: [],
    created: { containers: [], networks: [], volumes: [], paths: [] },
    deployed: false,
    staged: null,
    started: false,
    armed: false,
    halted: false,
    lease: null,
    lanes: {},
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
