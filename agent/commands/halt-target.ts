import type { CommandHandler } from './context.ts';
import { haltStack } from './halt.ts';

/** For a rollback: the stack in its new home is recorded, disarmed and stopped, whatever became of its containers since. */
export const haltTarget: CommandHandler<'halt_target'> = ({ project }, context) =>
  haltStack({ migration_id: context.migrationId, project, role: 'target' }, context);
