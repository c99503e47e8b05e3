import type { z } from 'zod';
import type { Command, Leftover, Outcome, request } from '../schema/agent-protocol.ts';
import { limits } from '../schema/limits.ts';
import { type CommandJournal, openCommandJournal } from './command-journal.ts';
import { failureOf } from './commands/failure.ts';
import { performCommand } from './commands/index.ts';
import { answerRequest, type RequestContext } from './commands/requests.ts';
import { createCommandRunner } from './commands/runner.ts';
import { stopLeased } from './commands/stop-leased.ts';
import type { ControlLink } from './control-link.ts';
import { type Disk, nodeDisk } from './disk.ts';
import type { Engine } from './engine/engine.ts';
import { createLeaseKeeper, type LeaseClock, type LeaseGuard } from './lease.ts';
import type { Log } from './log.ts';
import { isLeased, leftoversIn, openMigrationLedger } from './migration-ledger.ts';
import { type HostPaths, hostPaths } from './mounts.ts';
import { sleep } from './sleep.ts';
import type { Lanes } from './transfer/lanes.ts';
import type { Throttles } from './transfer/throttle.ts';

/** What an agent does of itself, apart from how it is connected. */
export interface AgentCore {
  /** Takes a command, or its repeat. */
  receive(command: Command): void;
  answer(question: z.infer<typeof request>): Promise<Outcome>;
  /** Outcomes that the control plane has not acknowledged. */
  owed: CommandJournal['owed'];
  acknowledge(commandId: string): void;
  /** Projects whose copy on this host is what a migration left there. */
  leftovers(): Leftover[];
  /** Takes up, or ends, what may still run under a lease. */
  resumeLeases(): void;
  /** Aborts commands and stops what runs under a lease: this may be the last agent here. Everything else runs on. */
  close(): Promise<void>;
}

export interface CoreOptions {
  stateDir: string;
  engine: Engine;
  /** Its functions are called only after `openAgentCore` has resolved. */
  control: Pick<ControlLink, 'ask' | 'report' | 'sendResult'>;
  lanes: Lanes;
  throttles: Throttles;
  pingRelay: RequestContext['pingRelay'];
  log: Log;
  guard?: LeaseGuard;
  disk?: Disk;
  clock?: LeaseClock;
  paths?: HostPaths;
}

/** Journal and ledger from the state directory; the commands, the questions and the leases over them. */
export async function openAgentCore(options: CoreOptions): Promise<AgentCore> {
  const { stateDir, engine, control, lanes, throttles, pingRelay, log, guard, clock, disk = nodeDisk } = options;
  const ledger = await openMigrationLedger(stateDir, disk);
  // First of all: the guard may have died with the last agent, and this one may die, or fail to start on a full disk.
  if (ledger.all().some(isLeased))
    guard?.ensure().catch((error) => log.error('nobody guards the leases of this host', { error }));
  const journal = await openCommandJournal(stateDir, { disk });
  await engine.sweep();

  const lease = createLeaseKeeper({
    ask: (migration_id) => control.ask('lease', { migration_id, epoch: journal.epochOf(migration_id) }),
    stopStarted: (migrationId) => stopLeased(migrationId, engine, ledger, undefined, limits.lease.stopGraceMsMax),
    ledger,
    log,
    ...(guard ? { guard } : {}),
    ...(clock ? { clock } : {}),
  });

  const runner = createCommandRunner({
    journal,
    log,
    onOutcome: (id, outcome) => control.sendResult(id, outcome),
    onAlive: ({ id, migration_id }) => control.report({ type: 'progress', migration_id, command_id: id, items: [] }),
    perform: (command, signal) => {
      const { id: command_id, migration_id } = command;
      return performCommand(command, {
        migrationId: migration_id,
        engine,
        ledger,
        lease,
        lanes,
        paths: options.paths ?? hostPaths,
        log: log.of(migration_id),
        signal,
        progress: (items) => control.report({ type: 'progress', migration_id, command_id, items }),
      });
    },
  });

  return {
    receive: runner.receive,
    answer: async (question) => {
      try {
        return {
          ok: true,
          data: await answerRequest(question, { engine, commandState: runner.state, throttles, pingRelay }),
        };
      } catch (error) {
        return failureOf(error, log, null);
      }
    },
    owed: journal.owed,
    acknowledge: (id) =>
      void journal.acknowledge(id).catch((error) => log.error('the journal could not be written', { error })),
    leftovers: () => leftoversIn(ledger.all()),
    resumeLeases: lease.resume,
    close: async () => {
      const stopped = lease.giveUp();
      await runner.close();
      // Once more: a command may have started something in its last moment.
      const done = Promise.all([stopped, lease.giveUp()]);
      await Promise.race([done, sleep(limits.agent.closeMsMax)]);
      lease.close();
      await journal.close();
    },
  };
}
