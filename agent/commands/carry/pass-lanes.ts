import { warmProjectLane } from '../../../schema/commands/parts.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import type { CommandContext } from '../runner/context.ts';

const ofRound = new RegExp(`^(w\\d+|${warmProjectLane})\\.\\d+$`);

/** Drops the record of earlier rounds: a migration may hold for weeks, and a round has lanes of its own. */
export async function forgetRounds(lanes: readonly string[], { ledger, migrationId }: CommandContext): Promise<void> {
  const isOld = (lane: string) => ofRound.test(lane) && !lanes.includes(lane);
  const known = ledger.find(migrationId)?.lanes ?? {};
  if (!Object.keys(known).some(isOld)) return;
  await ledger.amend(migrationId, (entry: LedgerEntry) => {
    entry.lanes = Object.fromEntries(Object.entries(entry.lanes).filter(([lane]) => !isOld(lane)));
  });
}
