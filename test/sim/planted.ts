import type { Disk } from '../../agent/disk.ts';
import type { Engine } from '../../agent/engine/engine.ts';
import type { LeaseClock } from '../../agent/lease/lease.ts';
import type { HostNames } from '../../agent/names/host-names.ts';
import type { ControlMessage, Outcome } from '../../schema/agent-protocol.ts';
import type { StackSummary } from '../../schema/facts.ts';
import type { MigrationWebhook } from '../../schema/webhook-events.ts';
import type { CoordinatorPorts, MigrationRow, MigrationStore } from '../../worker/saga/migration/ports.ts';
import type { Transition } from '../../worker/saga/migration/transition.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

/** A bug put in through the ports that production is built on, so that production itself knows nothing of it. */
export interface Plant {
  name: string;
  engine?(engine: Engine, host: SimHost): Engine;
  disk?(disk: Disk): Disk;
  clock?(clock: LeaseClock): LeaseClock;
  ports?(ports: CoordinatorPorts, world: World): CoordinatorPorts;
  /** What an agent hears. */
  heard?(message: ControlMessage, host: SimHost): ControlMessage;
  /** What an agent tells of a command. */
  told?(outcome: Outcome, kind: string): Outcome;
  names?(names: HostNames): HostNames;
  inventory?(reported: StackSummary[]): StackSummary[];
  /** The webhook events that are written with a transition. */
  owed?(types: MigrationWebhook[], before: MigrationRow, next: Transition): MigrationWebhook[];
  /** The guard has no handler for signals. */
  deafGuard?: boolean;
  /** An agent that is asked to end leaves its containers running. */
  deafAgent?: boolean;
  /** No guard beside the agents. */
  unguarded?: boolean;
  /** The engine removes what runs and what is used, as with `--force`. */
  byForce?: boolean;
  /** UDP ports that are passed on stay taken as long as their agent lives. */
  keepsPorts?: boolean;
  /** The store's own guard is off. */
  unlocked?: boolean;
}

const storeWith = (change: (store: MigrationStore) => Partial<MigrationStore>): NonNullable<Plant['ports']> => {
  return (ports) => ({ ...ports, store: { ...ports.store, ...change(ports.store) } });
};
/** What `load` and `waitingOf` give is seen so by the saga. */
const rowsSeen = (see: (row: MigrationRow) => MigrationRow): NonNullable<Plant['ports']> =>
  storeWith((store) => ({
    load: async (id) => {
      const row = await store.load(id);
      return row && see(row);
    },
    waitingOf: async (stackId) => (await store.waitingOf(stackId)).map(see),
  }));
const sagaWith = (row: MigrationRow, change: Partial<MigrationRow['saga']>): MigrationRow => ({
  ...row,
  saga: { ...row.saga, ...change },
});
const leasesForgotten = (ports: CoordinatorPorts): CoordinatorPorts => ({
  ...ports,
  memory: {
    ...ports.memory,
    put: async (key, value) => (key.startsWith('lease:') ? undefined : ports.memory.put(key, value)),
  },
});
/** It ignores that its object, or a restore, knows of a newer record. */
const seesNoRestore: NonNullable<Plant['ports']> = (ports, world) =>
  rowsSeen((row) => sagaWith(row, { distrust: false }))(
    {
      ...ports,
      memory: {
        ...ports.memory,
        get: async (key) => (key.startsWith('version:') ? undefined : ports.memory.get(key)),
      },
    },
    world,
  );
/** A refusal by a host whose record is ahead is a failure as any other. */
const tellsNothing: NonNullable<Plant['told']> = (outcome) =>
  outcome.ok || !['ledger_ahead', 'epoch_stale'].includes(outcome.error.code)
    ? outcome
    : { ok: false, error: { ...outcome.error, code: 'command_failed' } };
const lazily = (work: () => Promise<void>): Promise<void> => {
  setTimeout(() => void work().catch(() => {}), 3_000);
  return Promise.resolve();
};

export const plants: Plant[] = [
  { name: 'a stale writer is let through: the version is no lock', unlocked: true },
  {
    name: 'the way back does not wait for the lease to run out',
    ports: (ports, world) =>
      rowsSeen((row) =>
        row.saga.undo?.phase === 'stop'
          ? sagaWith(row, { deadline_at: Math.min(row.saga.deadline_at ?? 0, Date.now()) })
          : row,
      )(leasesForgotten(ports), world),
  },
  {
    name: 'a lease never lapses',
    clock: (clock) => ({ ...clock, sinceBootMs: () => 0 }),
  },
  { name: 'no guard watches where the agent is gone', unguarded: true },
  { name: 'restart policies are not taken off', engine: (engine) => ({ ...engine, disarm: async () => {} }) },
  {
    name: 'a stop is believed without a look',
    engine: (engine) => ({
      ...engine,
      stop: async () => [],
      containers: async (project) =>
        (await engine.containers(project)).map((container) => ({ ...container, state: 'exited' as const })),
      inspectContainers: async (ids) =>
        (await engine.inspectContainers(ids)).map((container) => ({ ...container, state: 'exited' as const })),
    }),
  },
  (() => {
    const newest = new WeakMap<SimHost, Map<string, number>>();
    return {
      name: 'the epoch of a command is not looked at',
      heard: (message, host) => {
        if (message.type !== 'command') return message;
        const epochs = newest.get(host) ?? new Map<string, number>();
        newest.set(host, epochs);
        const epoch = Math.max(epochs.get(message.migration_id) ?? 0, message.epoch);
        epochs.set(message.migration_id, epoch);
        return { ...message, epoch };
      },
    } satisfies Plant;
  })(),
  {
    name: 'the ledger is written after the act',
    disk: (disk) => ({ ...disk, replace: (path, text) => lazily(() => disk.replace(path, text)) }),
  },
  {
    name: 'digests and manifests are not compared',
    told: (outcome, kind) => {
      if (!outcome.ok || !/^(send|receive)_/.test(kind)) return outcome;
      const blind = (proof: object) => ({ ...proof, sha256: 'x', manifest_sha256: 'x' });
      const data = outcome.data as { proofs?: object[]; proof?: object };
      return { ok: true, data: data.proofs ? { proofs: data.proofs.map(blind) } : { proof: blind(data.proof ?? {}) } };
    },
  },
  {
    name: 'a clean-up deletes by project name',
    byForce: true,
    engine: (engine, host) => ({
      ...engine,
      remove: (objects, migrationId) => {
        const project = host.world.control.store.rows.get(migrationId)?.stack_name ?? '';
        const containers = host.containers.of(project).map(({ id }) => id);
        const volumes = [...host.volumes.values()].flatMap(({ name, project: of }) => (of === project ? [name] : []));
        return engine.purge({ ...objects, containers, volumes, marks: {} }, migrationId);
      },
    }),
  },
  (() => {
    const purging = new WeakSet<SimHost>();
    return {
      name: 'a purge does not look at what runs',
      byForce: true,
      heard: (message, host) => {
        if (message.type === 'command') purging[message.kind === 'purge_source' ? 'add' : 'delete'](host);
        return message;
      },
      engine: (engine, host) => ({
        ...engine,
        containers: async (project) => (purging.has(host) ? [] : engine.containers(project)),
        dataUsers: async (places) => (purging.has(host) ? [] : engine.dataUsers(places)),
      }),
    } satisfies Plant;
  })(),
  {
    name: 'a clean-up that is owed is not recorded',
    ports: storeWith((store) => ({
      commit: (row, next, ...rest) => {
        const commands = next.commands.filter(({ kind }) => kind !== 'cleanup_target');
        return store.commit(row, { ...next, commands }, ...rest);
      },
    })),
  },
  {
    name: 'the undo is skipped',
    engine: (engine) => ({ ...engine, restore: async () => {} }),
    told: (outcome, kind) => (kind === 'restore_source' ? { ok: true, data: { running: [] } } : outcome),
  },
  {
    name: 'a stop that failed is taken for done',
    told: (outcome, kind) => (kind === 'stop_target' || kind === 'stop_source' ? { ok: true, data: {} } : outcome),
  },
  {
    name: 'health is proven for good, however long its lease lasts',
    told: (outcome, kind) =>
      outcome.ok && /^verify_/.test(kind)
        ? { ok: true, data: { ...(outcome.data as object), lease_until: null } }
        : outcome,
  },
  {
    name: 'a lease is granted without being stored',
    ports: leasesForgotten,
  },
  { name: 'a service that is stopped leaves running what it leased', deafAgent: true, deafGuard: true },
  {
    name: 'a host that never arms its stack is waited for in silence',
    ports: rowsSeen((row) =>
      row.saga.arming
        ? sagaWith(row, { arming: { ...row.saga.arming, tries: 0, attention_at: Number.MAX_VALUE } })
        : row,
    ),
  },
  {
    name: 'what needs attention names no decision',
    ports: storeWith((store) => ({
      commit: (row, next, ...rest) => {
        const { attention } = next.saga;
        const saga = { ...next.saga, attention: attention && { ...attention, resolutions: [] } };
        return store.commit(row, { ...next, saga }, ...rest);
      },
    })),
  },
  {
    name: 'a source that was declared lost is put back all the same',
    ports: rowsSeen((row) =>
      row.saga.source_lost ? sagaWith(row, { cancel_requested: true, status: 'reverting' }) : row,
    ),
  },
  {
    name: 'the window is an hour too long',
    ports: rowsSeen((row) =>
      row.saga.window
        ? sagaWith(row, { window: { ...row.saga.window, ends_at: row.saga.window.ends_at + 3_600_000 } })
        : row,
    ),
  },
  {
    name: 'that the reminder was given is forgotten',
    ports: rowsSeen((row) =>
      row.saga.window ? sagaWith(row, { window: { ...row.saga.window, reminded_at: null } }) : row,
    ),
  },
  {
    name: 'that the source was purged is forgotten',
    ports: rowsSeen((row) =>
      row.saga.window ? sagaWith(row, { window: { ...row.saga.window, source_purge: null } }) : row,
    ),
  },
  { name: 'what a host reports of a kept copy is not looked at', inventory: () => [] },
  {
    name: 'an empty volume that Compose creates passes for the data',
    engine: (engine) => ({ ...engine, missing: async () => [] }),
  },
  {
    name: 'one-off runs are not looked for',
    engine: (engine) => ({ ...engine, dataUsers: async () => [], startedSince: async () => [] }),
  },
  {
    name: 'what a prune took of the containers is not made again',
    engine: (engine) => ({ ...engine, recreate: async () => {} }),
  },
  {
    name: 'a host that answers is armed, whatever it saw running',
    told: (outcome, kind) => (kind === 'arm_target' ? { ok: true, data: { running: [] } } : outcome),
  },
  (() => {
    const asked = new WeakMap<SimHost, string>();
    return {
      name: 'a purge deletes what a person wrote since',
      heard: (message, host) => {
        if (message.type === 'command' && message.kind === 'purge_source') asked.set(host, message.migration_id);
        return message;
      },
      engine: (engine, host) => ({
        ...engine,
        purge: (objects, migrationId) => {
          const project = host.world.control.store.rows.get(migrationId)?.stack_name ?? '';
          const own = [...host.volumes.values()].filter((volume) => volume.project === project && !volume.foreign);
          const volumes = asked.get(host) === migrationId ? own.map(({ name }) => name) : objects.volumes;
          return engine.purge({ ...objects, volumes }, migrationId);
        },
      }),
    } satisfies Plant;
  })(),
  {
    name: 'a control plane that was restored goes on from its record',
    ports: seesNoRestore,
    told: tellsNothing,
  },
  (() => {
    const retained = new WeakMap<SimHost, Set<string>>();
    return {
      name: 'and an agent puts back a source that it was told to retain',
      ports: seesNoRestore,
      told: tellsNothing,
      heard: (message, host) => {
        if (message.type !== 'command') return message;
        const known = retained.get(host) ?? new Set();
        retained.set(host, known);
        if (message.kind === 'retain_source') known.add(message.migration_id);
        const putsBack = message.kind === 'restore_source' && known.has(message.migration_id);
        return putsBack ? { ...message, kind: 'arm_source' } : message;
      },
    } satisfies Plant;
  })(),
  {
    name: 'a migration that holds is cut over unasked',
    ports: rowsSeen((row) => (row.saga.held ? sagaWith(row, { held: { ...row.saga.held, cutting_over: true } }) : row)),
  },
  {
    name: 'a migration that holds passes no more',
    ports: rowsSeen((row) =>
      row.status === 'holding' && row.saga.awaiting.length === 0
        ? sagaWith(row, { deadline_at: Number.MAX_SAFE_INTEGER })
        : row,
    ),
  },
  (() => {
    const seen = new Map<string, object>();
    return {
      name: 'that the stack was deployed again while it is held is not seen',
      told: (outcome, kind) => {
        if (!outcome.ok) return outcome;
        const data = outcome.data as { containers: object };
        if (kind === 'prepare_source') seen.set('first', data.containers);
        return kind === 'pass_source' ? { ok: true, data: { ...data, containers: seen.get('first') } } : outcome;
      },
    } satisfies Plant;
  })(),
  (() => {
    const forwarding = new WeakMap<SimHost, Set<string>>();
    return {
      name: 'connections go on to a target that is to be halted',
      heard: (message, host) => {
        if (message.type !== 'command') return message;
        const known = forwarding.get(host) ?? new Set();
        forwarding.set(host, known);
        if (message.kind === 'forward_connections') known.add(message.migration_id);
        const holdsAgain = message.kind === 'hold_connections' && known.has(message.migration_id);
        return holdsAgain ? { ...message, kind: 'end_receiving' } : message;
      },
    } satisfies Plant;
  })(),
  { name: 'UDP ports are not freed for the stack that comes back', keepsPorts: true },
  {
    name: 'rules of the firewall outlive a migration that failed',
    heard: (message) =>
      message.type === 'command' && message.kind === 'release_connections'
        ? { ...message, kind: 'end_receiving' }
        : message,
  },
  {
    name: 'a name that could not be pointed is taken for done',
    told: (outcome, kind) => (kind === 'point_names' && outcome.ok ? { ok: true, data: { records: [] } } : outcome),
  },
  {
    name: 'a name that a rollback has to set back is believed to lead there already',
    names: (names) => {
      const first = new Map<string, string>();
      return {
        ...names,
        records: async (...asked) => {
          const found = await names.records(...asked);
          for (const { record_id, content } of found) if (!first.has(record_id)) first.set(record_id, content);
          return found;
        },
        read: async (record, signal) => {
          const now = await names.read(record, signal);
          return now && { ...now, content: first.get(now.record_id) ?? now.content };
        },
      };
    },
  },
  {
    name: 'commands are sent that were not recorded',
    ports: storeWith((store) => ({
      commit: (row, next, ...rest) => store.commit(row, { ...next, commands: [] }, ...rest),
    })),
  },
  {
    name: 'a terminal state is announced twice',
    ports: storeWith((store) => ({
      commit: (row, next, ...rest) => store.commit(row, { ...next, events: [...next.events, ...next.events] }, ...rest),
    })),
  },
  {
    name: 'what a failed rollback comes back to is announced again',
    owed: (types, { status }, { saga }) =>
      saga.status === 'completed' && status !== 'completed' ? ['migration.completed'] : types,
  },
  {
    name: 'clients are sent to the target again by a rollback that failed',
    owed: (types, { status }, { saga }) =>
      saga.status === 'completed' && status === 'rolling_back' ? ['migration.cutover'] : types,
  },
];
