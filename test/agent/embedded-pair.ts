import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { stopLeased } from '../../agent/commands/cutover/stop-leased.ts';
import { performCommand } from '../../agent/commands/runner/index.ts';
import { createEmbeddedEngine } from '../../agent/engine/embedded/embedded-engine.ts';
import { seedSampleStack } from '../../agent/engine/embedded/sample-stack.ts';
import { downHost } from '../../agent/engine/embedded/stack-lifecycle.ts';
import type { Engine } from '../../agent/engine/engine.ts';
import { createLeaseKeeper } from '../../agent/lease/lease.ts';
import { type MigrationLedger, openMigrationLedger } from '../../agent/migration-ledger.ts';
import { hostPaths } from '../../agent/mounts.ts';
import { noNames } from '../../agent/names/host-names.ts';
import { lanesOver } from '../../agent/transfer/lanes.ts';
import { createLog } from '../../node/log.ts';
import type { CommandKind, CommandPayload, CommandResult } from '../../schema/commands.ts';
import type { Deployment } from '../../schema/deployment.ts';
import { noForward } from '../support/no-forward.ts';
import { createLanePairs } from './lane-pairs.ts';
import { eventually, temporaryDirectory } from './temporary.ts';

export interface TestHost {
  root: string;
  engine: Engine;
  ledger: MigrationLedger;
  /** The control plane gives this host leave to run what it deployed. */
  leave: boolean;
  /** Role, name and peer of the lanes that were dialled early, and not hung up. */
  early: string[];
  /** Ends all leases, as an agent does that is stopped: what ran under them is being stopped. */
  giveUp(): Promise<void>;
  perform<K extends CommandKind>(kind: K, payload: CommandPayload<K>): Promise<CommandResult<K>>;
}

/** Two hosts of the embedded engine without a control plane: commands are given by the test. */
export async function embeddedPair() {
  const pairs = createLanePairs();
  const source = await startHost(pairs);
  const target = await startHost(pairs);
  const port = await freePort();
  const { secret } = await seedSampleStack(source.root, 'guestbook', { bytes: 3_000_000, port });
  await eventually(async () => {
    const states = await source.engine.containers('guestbook');
    return states.some(({ health }) => health === 'healthy') && states.some(({ exit_code }) => exit_code === 0);
  }, 'the guestbook');
  const facts = await source.engine.inspectStack('guestbook', AbortSignal.timeout(5_000));
  const check = await target.engine.checkTarget(facts, { bindPlaces: [], source: null }, AbortSignal.timeout(5_000));
  const deployment: Deployment = {
    project: 'guestbook',
    source_dir: facts.working_dir,
    target_dir: check.project_path,
    config_files: facts.config_files,
    env_files: facts.env_files,
    override: null,
    anonymous: [],
    drifted: [],
    services: facts.services.map(({ name }) => name),
    one_shots: facts.services.filter(({ one_shot }) => one_shot).map(({ name }) => name),
    before: [],
  };
  const items = facts.volumes.map(({ name }, index) => ({ lane: `v${index}`, volume: name }));
  const toPrepare: CommandPayload<'prepare_target'> = {
    ...{ deployment, peer: 's', volumes: facts.volumes, binds: [] },
    ...{ networks: [], option_volumes: [], images: [] },
  };
  return { source, target, port, secret, facts, check, deployment, items, toPrepare };
}
export type EmbeddedPair = Awaited<ReturnType<typeof embeddedPair>>;

/** As a stop-copy sends them. */
export const wholeVolumes = {
  ...{ changes: false, contents: true, content_digest: 'sha256' as const },
  ...{ blocks: false, staged_dir: null },
};

/** All commands up to and including the project's arrival, in the saga's order. */
export async function moveData({ source, target, facts, deployment, items, toPrepare }: EmbeddedPair) {
  const project = { project: 'guestbook' };
  await source.perform('prepare_source', {
    ...project,
    source_dir: facts.working_dir,
    volumes: items.map(({ volume }) => volume),
    binds: [],
    exclude: [],
  });
  await target.perform('prepare_target', toPrepare);
  await source.perform('stop_stack', { ...project, expected: [], early: null });
  const [sent, received] = await Promise.all([
    source.perform('send_volumes', { ...project, peer: 't', items, ...wholeVolumes }),
    target.perform('receive_volumes', { ...project, peer: 's', items, ...wholeVolumes }),
  ]);
  const [sentProject, receivedProject] = await Promise.all([
    source.perform('send_project', { ...project, peer: 't', source_dir: deployment.source_dir, changes: null }),
    target.perform('receive_project', { ...project, peer: 's', target_dir: deployment.target_dir, changes: null }),
  ]);
  return { sent, received, sentProject, receivedProject };
}

async function startHost(pairs: ReturnType<typeof createLanePairs>): Promise<TestHost> {
  const root = await temporaryDirectory();
  const engine = await createEmbeddedEngine({ root });
  const ledger = await openMigrationLedger(await temporaryDirectory());
  const log = createLog(() => {});
  const host: TestHost = {
    root,
    engine,
    ledger,
    leave: true,
    early: [],
    giveUp: () => lease.giveUp(),
    perform: (kind, payload) =>
      performCommand(
        { type: 'command', id: 'c', migration_id: 'm1', epoch: 1, kind, payload, trace_id: null },
        {
          migrationId: 'm1',
          engine,
          ledger,
          lease,
          log,
          signal: AbortSignal.timeout(15_000),
          progress: () => {},
          paths: hostPaths,
          forward: noForward,
          names: noNames,
          openDoor: async () => [],
          lanes: {
            ...lanesOver(
              (_role, { lane }) =>
                (signal) =>
                  pairs(lane, signal),
            ),
            dialEarly: (role, { lane, peer }) => host.early.push(`${role} ${lane} ${peer}`),
            hangUp: () => {
              host.early = [];
            },
          },
        },
      ) as Promise<CommandResult<typeof kind>>,
  };
  const lease = createLeaseKeeper({
    ask: async () => ({ granted: host.leave, lease_ms: 45_000 }),
    stopStarted: (migrationId) => stopLeased(migrationId, engine, ledger),
    ledger,
    log,
  });
  onTestFinished(async () => {
    lease.close();
    await engine.close();
    await downHost(root);
  });
  return host;
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
