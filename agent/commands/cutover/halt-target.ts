import type { CommandHandler } from '../runner/context.ts';
import { haltStack } from './halt.ts';

/** Records, disarms and stops the stack on the target for a rollback, even if its containers were replaced since. */
export const haltTarget: CommandHandler<'halt_target'> = ({ project }, context) =>
  haltStack({ migration_id: context.migrationId, project, role: 'target' }, context);
