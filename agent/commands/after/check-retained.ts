import { resolve } from 'node:path';
import { StackferryError } from '../../../schema/errors.ts';
import { runs, servicesOf } from '../cutover/container-states.ts';
import { assertNoneBeside } from '../cutover/data-users.ts';
import { replacedBinds } from '../cutover/volumes-here.ts';
import type { CommandHandler } from '../runner/context.ts';

/** Checks that the retained copy is complete before a rollback stops anything. Containers can be recreated. */
export const checkRetained: CommandHandler<'check_retained'> = async ({ deployment, volumes }, context) => {
  const { engine, ledger, migrationId } = context;
  const { project, source_dir } = deployment;
  const entry = ledger.find(migrationId);
  if (!entry?.prior)
    throw new StackferryError('stack_not_found', `This host has no record of what it kept of "${project}".`);
  const files = [...deployment.config_files, ...deployment.env_files].map((file) => resolve(source_dir, file));
  const missing = [
    ...(await engine.missing({ volumes, paths: [source_dir, ...files] })),
    ...(await replacedBinds(entry, context.paths)),
    ...((await engine.irreplaceable?.(deployment, entry.prior)) ?? []),
  ];
  if (missing.length > 0)
    throw new StackferryError('stack_not_found', `Gone from the source, so it can't run there: ${missing.join(', ')}.`);
  const running = (await engine.containers(project)).filter(runs);
  if (running.length > 0)
    throw new StackferryError(
      'stack_running',
      `Someone started the retained copy (${servicesOf(running)}): check which copy has the right data, stop this one, then try again.`,
    );
  await assertNoneBeside(entry, engine, 'The stack was left where it runs.');
  return {};
};
