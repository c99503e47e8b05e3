import { StackferryError } from '../../../schema/errors.ts';
import { carryLanes } from '../carry/carry-lanes.ts';
import type { CommandHandler } from '../runner/context.ts';
import { loginsLane, loginsSource } from './logins-lane.ts';

/** The logins go to the peer alone, which proves its name by its certificate; of their registries alone. */
export const sendLogins: CommandHandler<'send_logins'> = async ({ project, peer, references }, context) => {
  const { engine, log, signal } = context;
  if (!engine.logins)
    throw new StackferryError('command_failed', `The ${engine.kind} engine has no registry logins to send.`);
  const logins = await engine.logins.collect(project, references, signal);
  log.info('registry logins go to the target', { registries: logins.map(({ registry }) => registry) });
  await carryLanes(
    { project, role: 'source', peer },
    [{ lane: loginsLane, total: null, carry: (end) => context.lanes.send({ ...end, source: loginsSource(logins) }) }],
    context,
  );
  return {};
};
