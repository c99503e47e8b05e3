import { StackferryError } from '../../../schema/errors.ts';
import type { CommandContext, CommandHandler } from '../runner/context.ts';
import { idsOf } from './container-states.ts';
import { haltStack } from './halt.ts';

/** Stops the stack, and dials the first lanes meanwhile. */
export const stopStack: CommandHandler<'stop_stack'> = async ({ project, expected, early }, context) => {
  const { lanes, migrationId } = context;
  for (const lane of early?.lanes ?? []) lanes.dialEarly('source', { migrationId, peer: early!.peer, lane });
  await assertExpected(project, expected, context);
  return haltStack({ migration_id: context.migrationId, project, role: 'source' }, context);
};

/** Throws `stack_changed` if other containers than the expected ones would be stopped, and nothing was stopped yet. */
async function assertExpected(
  project: string,
  expected: string[],
  { engine, ledger, migrationId }: CommandContext,
): Promise<void> {
  if (expected.length === 0 || ledger.find(migrationId)?.prior) return;
  const found = idsOf(await engine.containers(project));
  if (found.length === expected.length && found.every((id) => expected.includes(id))) return;
  throw new StackferryError(
    'stack_changed',
    `The containers of "${project}" are not those that the last pass saw: it was deployed again or scaled. Nothing was stopped.`,
  );
}
