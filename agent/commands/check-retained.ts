import { resolve } from 'node:path';
import { StackferryError } from '../../schema/errors.ts';
import { runs, servicesOf } from './container-states.ts';
import type { CommandHandler } from './context.ts';
import { assertNoneBeside } from './data-users.ts';

/** Before a rollback stops anything: is what the source kept whole? Containers may be gone, they are made anew. */
export const checkRetained: CommandHandler<'check_retained'> = async ({ deployment, volumes }, context) => {
  const { engine, ledger, migrationId } = context;
  const { project, source_dir } = deployment;
  const entry = ledger.find(migrationId);
  if (!entry?.prior)
    throw new StackferryError('stack_not_found', `This host has no record of what it kept of "${project}".`);
  const files = [...deployment.config_files, ...deployment.env_files].map((file) => resolve(source_dir, file));
  const missing = [
    ...(await engine.missing({ volumes, paths: [source_dir, ...files] })),
    ...((await engine.irreplaceable?.(project, entry.prior)) ?? []),
  ];
  if (missing.length > 0)
    throw new StackferryError('stack_not_found', `Gone from the source, so it can't run there: ${missing.join(', ')}.`);
  const running = (await engine.containers(project)).filter(runs);
  if (running.length > 0)
    throw new StackferryError(
      'stack_running',
      `Someone started the retained copy (${servicesOf(running)}): look whose data is right, stop it there, then try again.`,
    );
  await assertNoneBeside(entry, engine, 'The stack was left where it runs.');
  return {};
};
