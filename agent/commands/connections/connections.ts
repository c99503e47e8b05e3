import { sleep } from '../../../node/sleep.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import { mayRunHere } from '../../tenancy.ts';
import type { CommandHandler } from '../runner/context.ts';
import { untilAccepting } from './until-accepting.ts';

/** Commands that decide where connections to a stack's published ports go. */

export const holdConnections: CommandHandler<'hold_connections'> = async ({ project, ports }, context) => {
  await context.forward.hold({ migrationId: context.migrationId, project }, ports);
  // Requests that are under way are answered before the stop.
  await sleep(limits.forward.answeringMs, context.signal);
  return {};
};

/** Refused where the stack runs: its connections are its own. */
export const forwardConnections: CommandHandler<'forward_connections'> = async ({ project, ...way }, context) => {
  const { migrationId, ledger, forward } = context;
  const entry = ledger.find(migrationId);
  if (entry && mayRunHere(entry))
    throw new StackferryError(
      'stack_running',
      'By this host’s record the stack runs here, so its connections stay here.',
    );
  await forward.forward({ migrationId, project }, way);
  return {};
};

export const releaseConnections: CommandHandler<'release_connections'> = async ({ project }, context) => {
  await untilAccepting(project, context);
  await context.forward.release(context.migrationId);
  return {};
};

export const endForwarding: CommandHandler<'end_forwarding'> = async (_payload, context) => {
  await context.forward.end(context.migrationId);
  return {};
};

export const receiveConnections: CommandHandler<'receive_connections'> = async ({ project, ...way }, context) => {
  await untilAccepting(project, context);
  await context.forward.receive({ migrationId: context.migrationId, project }, way);
  return {};
};

export const endReceiving: CommandHandler<'end_receiving'> = async (_payload, context) => {
  await context.forward.endReceiving(context.migrationId);
  return {};
};
