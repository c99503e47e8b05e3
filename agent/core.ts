import type { z } from 'zod';
import type { ControlLink } from '../node/control-link.ts';
import type { Log } from '../node/log.ts';
import { sleep } from '../node/sleep.ts';
import type { Throttles } from '../node/throttle.ts';
import type { Leftover, Outcome, request } from '../schema/agent-protocol.ts';
import type { Command } from '../schema/commands.ts';
import { limits } from '../schema/limits.ts';
import { type CommandJournal, openCommandJournal } from './command-journal.ts';
import { type CommandMeter, createCommandMeter } from './command-meter.ts';
import { stopLeased } from './commands/cutover/stop-leased.ts';
import type { CommandContext } from './commands/runner/context.ts';
import { failureOf } from './commands/runner/failure.ts';
import { performCommand } from './commands/runner/index.ts';
import { answerRequest, type RequestContext } from './commands/runner/requests.ts';
import { createCommandRunner } from './commands/runner/runner.ts';
import { type Disk, nodeDisk } from './disk.ts';
import type { Engine } from './engine/engine.ts';
import type { ForwardKeeper } from './forward/forward-keeper.ts';
import { forwardedIn } from './forward/ports-taken.ts';
import { createLeaseKeeper, type LeaseClock, type LeaseGuard } from './lease/lease.ts';
import { type MigrationLedger, openMigrationLedger } from './migration-ledger.ts';
import { type HostPaths, hostPaths } from './mounts.ts';
import { type HostNames, noNames } from './names/host-names.ts';
import { isLeased, isParked, leftoversIn } from './tenancy.ts';
import type { Lanes } from './transfer/lanes.ts';
import type { Idleness, Upgrade } from './upgrade/upgrade.ts';

/** The agent without its connections. */
export interface AgentCore {
  receive(command: Command): void;
  answer(question: z.infer<typeof request>): Promise<Outcome>;
  owed: CommandJournal['owed'];
  acknowledge(commandId: string): void;
  /** Projects whose copy on this host is left over from a migration. */
  leftovers(): Leftover[];
  commandCounts: CommandMeter['counts'];
  /** Milliseconds until the held lease that ends first; null if none is held. */
  leaseMsLeft(): number | null;
  /** Nothing waits for this host: no command lately, no result under way, no stack stopped or leased, no client's connection. */
  idle(): boolean;
  traffic: ForwardKeeper['allTraffic'];
  /** Resumes the leases of what may still run, or stops it; and the connections that this host takes. */
  resume(): void;
  /** Aborts commands and stops everything under a lease, since no other agent may follow. All else keeps running. */
  close(): Promise<void>;
}

export interface CoreOptions {
  stateDir: string;
  engine: Engine;
  /** Its functions are called only after `openAgentCore` has resolved. */
  control: Pick<ControlLink, 'ask' | 'report' | 'sendResult'>;
  lanes: Lanes;
  /** Opens this host to sources of the lanes to come, and returns where. */
  openDoor?: CommandContext['openDoor'];
  /** What takes connections in place of a stack that has left. */
  openForward: (ledger: MigrationLedger) => ForwardKeeper;
  /** Whether it can on this host. */
  forwardsHere?: RequestContext['forwardsHere'];
  /** Default: this host points none. */
  names?: HostNames;
  throttles: Throttles;
  pingRelay: RequestContext['pingRelay'];
  upgrade: Upgrade;
  log: Log;
  guard?: LeaseGuard;
  disk?: Disk;
  clock?: LeaseClock;
  paths?: HostPaths;
}

/** Opens journal and ledger in the state directory, and the commands, requests and leases that use them. */
export async function openAgentCore(options: CoreOptions): Promise<AgentCore> {
  const { stateDir, engine, control, lanes, throttles, log, guard, clock, disk = nodeDisk, names = noNames } = options;
  const ledger = await openMigrationLedger(stateDir, disk);
  // First of all: the guard may have died with the last agent, and this one may die, or fail to start on a full disk.
  if (ledger.all().some(isLeased))
    guard?.ensure().catch((error) => log.error('the leases of this host have no guard', { error }));
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

  const forward = options.openForward(ledger);
  const meter = createCommandMeter();
  const runner = createCommandRunner({
    journal,
    log,
    onOutcome: (id, outcome) => control.sendResult(id, outcome),
    onAlive: ({ id, migration_id }) => control.report({ type: 'progress', migration_id, command_id: id, items: [] }),
    perform: (command, signal) => {
      const { id: command_id, migration_id } = command;
      const context: CommandContext = {
        migrationId: migration_id,
        engine,
        ledger,
        lease,
        lanes,
        forward,
        names,
        openDoor: options.openDoor ?? (async () => []),
        paths: options.paths ?? hostPaths,
        log: log.of(migration_id, command.trace_id),
        signal,
        progress: (items) => control.report({ type: 'progress', migration_id, command_id, items }),
      };
      return meter.run(migration_id, () => performCommand(command, context));
    },
  });

  /** The control plane found no migration on this host before it asked, so what begins later is of a new one. */
  const idlenessFrom = (begun: number): Idleness => {
    const busyWith = () => {
      if (!runner.idle() || runner.begun() > begun) return 'a command of a migration under way';
      return ledger.all().some(isLeased) ? 'containers that run under a lease' : null;
    };
    const closeIfIdle = () => {
      if (busyWith()) return false;
      runner.shut();
      return true;
    };
    return { busyWith, closeIfIdle };
  };
  const requests: RequestContext = {
    engine,
    commandState: runner.state,
    throttles,
    pingRelay: options.pingRelay,
    traffic: (migrationId) => forward.traffic(migrationId),
    forwarded: (stack) => forwardedIn(ledger.all(), stack),
    forwardsHere: options.forwardsHere ?? (async () => null),
    names,
    upgrade: (ask, signal) => options.upgrade(ask, idlenessFrom(runner.begun()), signal),
  };

  let commandAt = Number.NEGATIVE_INFINITY;
  return {
    receive: (command) => {
      commandAt = performance.now();
      runner.receive(command);
    },
    answer: async (question) => {
      try {
        return { ok: true, data: await answerRequest(question, requests) };
      } catch (error) {
        return failureOf(error, log, null);
      }
    },
    owed: journal.owed,
    acknowledge: (id) =>
      void journal.acknowledge(id).catch((error) => log.error('the journal could not be written', { error })),
    leftovers: () => leftoversIn(ledger.all()),
    commandCounts: meter.counts,
    leaseMsLeft: () => lease.msLeft(),
    idle: () =>
      runner.idle() &&
      performance.now() - commandAt > limits.control.workMsMax &&
      journal.owed().length === 0 &&
      !ledger.all().some((entry) => isLeased(entry) || isParked(entry) || entry.forwarding || entry.receiving),
    traffic: () => forward.allTraffic(),
    resume: () => {
      lease.resume();
      forward.resume().catch((error) => log.error('connections could not be taken up again', { error }));
    },
    close: async () => {
      const stopped = lease.giveUp();
      await runner.close();
      const left = forward.close();
      // Again, since a command may have started something just before it ended.
      const done = Promise.all([stopped, lease.giveUp(), left]);
      await Promise.race([done, sleep(limits.agent.closeMsMax)]);
      lease.close();
      await journal.close();
    },
  };
}
