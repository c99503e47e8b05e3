import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { runsNow } from '../../agent/engine/embedded/containers.ts';
import { openHostRoot } from '../../agent/engine/embedded/host-root.ts';
import { stackFileName } from '../../agent/engine/embedded/stack-file.ts';
import { killHost, upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { liveGuard } from '../../agent/lease/guard-pidfile.ts';
import { createLeaseGuard } from '../../agent/lease/guard-start.ts';
import { systemClock } from '../../agent/lease/lease.ts';
import { type LedgerEntry, openMigrationLedger } from '../../agent/migration-ledger.ts';
import { eventually, temporaryDirectory } from './temporary.ts';

/** An embedded host with real processes under leases, its ledger, and real lease guards; no agent. */
export async function guardedHost() {
  const root = await temporaryDirectory();
  const stateDir = await temporaryDirectory();
  const ledger = await openMigrationLedger(stateDir);
  const host = await openHostRoot(root);
  const clock = systemClock();
  const engine = { kind: 'embedded', root } as const;
  const launcher = () => createLeaseGuard({ stateDir, engine });
  const pid = () => liveGuard(stateDir);

  const idsOf = async (project: string) =>
    (await host.containers.all()).filter((record) => record.project === project).map(({ id }) => id);

  onTestFinished(async () => {
    await eventually(() => killGuards(stateDir), 'the end of all guards');
    await killHost(root);
  });

  return {
    root,
    stateDir,
    ledger,
    launcher,
    pid,
    ledgerFile: (migration: string) => join(stateDir, 'migrations', `${migration}.json`),
    log: () => readFile(join(stateDir, 'lease-guard.log'), 'utf8').catch(() => ''),
    runs: async (project: string) => {
      const records = (await host.containers.all()).filter((record) => record.project === project);
      return (await Promise.all(records.map((record) => runsNow(host, record)))).includes(true);
    },
    /** Starts a project of one service, as a migration of that name would have, under a lease of that many milliseconds. */
    async leased(project: string, leaseMs: number, command = ['sleep', '600']): Promise<void> {
      const directory = join(host.stacks, project);
      await mkdir(directory, { recursive: true });
      const services = { only: { command, restart: 'always', stop_grace_ms: 300_000 } };
      await writeFile(join(directory, stackFileName), JSON.stringify({ services, volumes: {} }));
      await upStack(root, project);
      const containers = await idsOf(project);
      await ledger.update({ migration_id: project, project, role: 'target' }, (entry) => {
        Object.assign(entry, { deployed: true, started: true, lease: leaseOf(leaseMs) } satisfies Partial<LedgerEntry>);
        entry.created.containers = containers;
      });
    },
    leaseOf,
  };

  function leaseOf(ms: number) {
    return { boot_id: clock.bootId, ends_at_ms: clock.sinceBootMs() + ms };
  }
}

/** Also those that have not taken the seat yet. True once there are none. */
async function killGuards(stateDir: string): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const argvs = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  const guards = pids.filter((_, n) => argvs[n]!.split('\0').includes(stateDir));
  for (const guard of guards) {
    try {
      process.kill(Number(guard), 'SIGKILL');
    } catch (error) {
      // Else it has ended by itself meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return guards.length === 0;
}

/** Heeds no SIGTERM. */
export const deaf = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'];
