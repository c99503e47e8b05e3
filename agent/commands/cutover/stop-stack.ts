import type { CommandHandler } from '../runner/context.ts';
import { haltStack } from './halt.ts';

export const stopStack: CommandHandler<'stop_stack'> = ({ project }, context) =>
  haltStack({ migration_id: context.migrationId, project, role: 'source' }, context);
