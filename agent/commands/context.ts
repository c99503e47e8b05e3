import type { CommandKind, CommandPayload, CommandResult, ItemProgress } from '../../schema/agent-protocol.ts';
import type { Engine } from '../engine/engine.ts';
import type { LeaseKeeper } from '../lease.ts';
import type { Log } from '../log.ts';
import type { MigrationLedger } from '../migration-ledger.ts';
import type { HostPaths } from '../mounts.ts';
import type { Lanes } from '../transfer/lanes.ts';

/** What a command works with. Its migration's id and epoch are fixed; everything it must remember goes to the ledger. */
export interface CommandContext {
  migrationId: string;
  engine: Engine;
  ledger: MigrationLedger;
  lease: LeaseKeeper;
  log: Log;
  /** Aborted by a command of a newer epoch, and at the agent's end. */
  signal: AbortSignal;
  /** Tells the control plane how far the lanes are; rate-limited by the sender. */
  progress(items: ItemProgress[]): void;
  lanes: Lanes;
  paths: HostPaths;
}

/** Every command may run again after a crash cut it off, so each looks first at what is already so. */
export type CommandHandler<K extends CommandKind> = (
  payload: CommandPayload<K>,
  context: CommandContext,
) => Promise<CommandResult<K>>;
