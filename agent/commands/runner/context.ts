import type { Log } from '../../../node/log.ts';
import type { Address } from '../../../schema/address.ts';
import type { ItemProgress } from '../../../schema/agent-protocol.ts';
import type { CommandKind, CommandPayload, CommandResult } from '../../../schema/commands.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ForwardKeeper } from '../../forward/forward-keeper.ts';
import type { LeaseKeeper } from '../../lease/lease.ts';
import type { MigrationLedger } from '../../migration-ledger.ts';
import type { HostPaths } from '../../mounts.ts';
import type { HostNames } from '../../names/host-names.ts';
import type { Lanes } from '../../transfer/lanes.ts';

/** What a command works with. State that must survive a restart goes to the ledger. */
export interface CommandContext {
  migrationId: string;
  engine: Engine;
  ledger: MigrationLedger;
  lease: LeaseKeeper;
  log: Log;
  /** Aborted by a command of a newer epoch, and when the agent stops. */
  signal: AbortSignal;
  /** Reports lane progress to the control plane; the sender limits the rate. */
  progress(items: ItemProgress[]): void;
  lanes: Lanes;
  /** Where connections to the stack's published ports go. */
  forward: ForwardKeeper;
  /** Names of clients, and where they lead. */
  names: HostNames;
  /** Target: opens this host to the source of the lanes to come, and returns where. */
  openDoor(): Promise<Address[]>;
  paths: HostPaths;
}

/** A command may run again after a crash interrupted it, so every handler is idempotent. */
export type CommandHandler<K extends CommandKind> = (
  payload: CommandPayload<K>,
  context: CommandContext,
) => Promise<CommandResult<K>>;
