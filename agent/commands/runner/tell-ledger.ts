import { sourcePhaseOf, targetPhaseOf, tenancyOf } from '../../tenancy.ts';
import { runs } from '../cutover/container-states.ts';
import type { CommandHandler } from './context.ts';

/** The command's epoch is above all earlier ones, so no command of this migration is running or can start late. */
export const tellSource: CommandHandler<'tell_source'> = async (_payload, { ledger, migrationId }) => ({
  phase: sourcePhaseOf(ledger.find(migrationId)),
});

export const tellTarget: CommandHandler<'tell_target'> = async (_payload, { engine, ledger, migrationId }) => {
  const entry = ledger.find(migrationId);
  const home = entry && tenancyOf(entry) === 'home';
  return {
    phase: targetPhaseOf(entry),
    running: home ? (await engine.containers(entry.project)).some(runs) : true,
  };
};
