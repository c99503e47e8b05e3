import { type Command, type CommandKind, commandKinds } from '../../../schema/commands.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { checkRetained } from '../after/check-retained.ts';
import { cleanupTarget } from '../after/cleanup-target.ts';
import { purgeSource } from '../after/purge-source.ts';
import { purgeTarget } from '../after/purge-target.ts';
import { retainSource } from '../after/retain-source.ts';
import { expectSource } from '../carry/expect-source.ts';
import { passSource } from '../carry/pass-source.ts';
import { passTarget } from '../carry/pass-target.ts';
import { receiveProject } from '../carry/receive-project.ts';
import { receiveVolumes } from '../carry/receive-volumes.ts';
import { sendProject } from '../carry/send-project.ts';
import { sendVolumes } from '../carry/send-volumes.ts';
import { warmSource } from '../carry/warm-source.ts';
import { warmTarget } from '../carry/warm-target.ts';
import {
  endForwarding,
  endReceiving,
  forwardConnections,
  holdConnections,
  receiveConnections,
  releaseConnections,
} from '../connections/connections.ts';
import { armSource } from '../cutover/arm-source.ts';
import { armTarget } from '../cutover/arm-target.ts';
import { deploy } from '../cutover/deploy.ts';
import { haltTarget } from '../cutover/halt-target.ts';
import { restoreSource } from '../cutover/restore-source.ts';
import { resumeTarget } from '../cutover/resume-target.ts';
import { reviveSource } from '../cutover/revive-source.ts';
import { stopSource } from '../cutover/stop-source.ts';
import { stopStack } from '../cutover/stop-stack.ts';
import { stopTarget } from '../cutover/stop-target.ts';
import { verifyHealth } from '../cutover/verify-health.ts';
import { pointNames, pointNamesBack } from '../names/point-names.ts';
import { prepareSource } from '../prepare/prepare-source.ts';
import { prepareTarget } from '../prepare/prepare-target.ts';
import { pullImages } from '../prepare/pull-images.ts';
import { receiveImages } from '../prepare/receive-images.ts';
import { sendImages } from '../prepare/send-images.ts';
import { sendLogins } from '../prepare/send-logins.ts';
import { stageSource } from '../prepare/stage-source.ts';
import { stageTarget } from '../prepare/stage-target.ts';
import type { CommandContext, CommandHandler } from './context.ts';
import { assertNotBehind } from './ledger-guard.ts';
import { tellSource, tellTarget } from './tell-ledger.ts';

/** Everything that the control plane can make a host do. */
export const commandHandlers: { [K in CommandKind]: CommandHandler<K> } = {
  prepare_source: prepareSource,
  send_logins: sendLogins,
  send_images: sendImages,
  warm_source: warmSource,
  pass_source: passSource,
  stage_source: stageSource,
  stop_stack: stopStack,
  send_volumes: sendVolumes,
  send_project: sendProject,
  restore_source: restoreSource,
  retain_source: retainSource,
  prepare_target: prepareTarget,
  pull_images: pullImages,
  receive_images: receiveImages,
  warm_target: warmTarget,
  pass_target: passTarget,
  stage_target: stageTarget,
  expect_source: expectSource,
  receive_volumes: receiveVolumes,
  receive_project: receiveProject,
  deploy,
  verify_health: verifyHealth,
  arm_target: armTarget,
  stop_target: stopTarget,
  cleanup_target: cleanupTarget,
  check_retained: checkRetained,
  revive_source: reviveSource,
  verify_source: verifyHealth,
  arm_source: armSource,
  stop_source: stopSource,
  purge_source: purgeSource,
  hold_connections: holdConnections,
  forward_connections: forwardConnections,
  release_connections: releaseConnections,
  end_forwarding: endForwarding,
  receive_connections: receiveConnections,
  end_receiving: endReceiving,
  point_names: pointNames,
  point_names_back: pointNamesBack,
  halt_target: haltTarget,
  resume_target: resumeTarget,
  purge_target: purgeTarget,
  tell_source: tellSource,
  tell_target: tellTarget,
};

/** Validates the payload and runs the command. Throws `invalid_request` if the payload does not match its kind. */
export async function performCommand(command: Command, context: CommandContext): Promise<unknown> {
  const payload = commandKinds[command.kind].payload.safeParse(command.payload);
  if (!payload.success) {
    throw new StackferryError(
      'invalid_request',
      `The payload of "${command.kind}" is not understood: ${payload.error.issues[0]?.message}`,
    );
  }
  assertNotBehind(command.kind, context.migrationId, context.ledger);
  const handler = commandHandlers[command.kind] as (payload: unknown, context: CommandContext) => Promise<unknown>;
  return handler(payload.data, context);
}
