import type { CommandHandler } from './context.ts';
import { haltStack } from './halt.ts';

/** The source: recorded, disarmed, stopped. */
export const stopStack: CommandHandler<'stop_stack'> = ({ project }, context) =>
  haltStack({ migration_id: context.migrationId, project, role: 'source' }, context);
