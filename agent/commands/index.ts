import { type Command, type CommandKind, commandKinds } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { armSource } from './arm-source.ts';
import { armTarget } from './arm-target.ts';
import { checkRetained } from './check-retained.ts';
import { cleanupTarget } from './cleanup-target.ts';
import type { CommandContext, CommandHandler } from './context.ts';
import { deploy } from './deploy.ts';
import { haltTarget } from './halt-target.ts';
import { prepareSource } from './prepare-source.ts';
import { prepareTarget } from './prepare-target.ts';
import { purgeSource } from './purge-source.ts';
import { purgeTarget } from './purge-target.ts';
import { receiveImages } from './receive-images.ts';
import { receiveProject } from './receive-project.ts';
import { receiveVolumes } from './receive-volumes.ts';
import { restoreSource } from './restore-source.ts';
import { resumeTarget } from './resume-target.ts';
import { retainSource } from './retain-source.ts';
import { reviveSource } from './revive-source.ts';
import { sendImages } from './send-images.ts';
import { sendProject } from './send-project.ts';
import { sendVolumes } from './send-volumes.ts';
import { stageSource } from './stage-source.ts';
import { stageTarget } from './stage-target.ts';
import { stopSource } from './stop-source.ts';
import { stopStack } from './stop-stack.ts';
import { stopTarget } from './stop-target.ts';
import { verifyHealth } from './verify-health.ts';
import { warmSource } from './warm-source.ts';
import { warmTarget } from './warm-target.ts';

/** The closed list of what the control plane can make a host do. */
export const commandHandlers: { [K in CommandKind]: CommandHandler<K> } = {
  prepare_source: prepareSource,
  send_images: sendImages,
  warm_source: warmSource,
  stage_source: stageSource,
  stop_stack: stopStack,
  send_volumes: sendVolumes,
  send_project: sendProject,
  restore_source: restoreSource,
  retain_source: retainSource,
  prepare_target: prepareTarget,
  receive_images: receiveImages,
  warm_target: warmTarget,
  stage_target: stageTarget,
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
  halt_target: haltTarget,
  resume_target: resumeTarget,
  purge_target: purgeTarget,
};

/** Checks the payload and does it. Throws StackferryErrors, `invalid_request` for a payload that does not fit its kind. */
export async function performCommand(command: Command, context: CommandContext): Promise<unknown> {
  const payload = commandKinds[command.kind].payload.safeParse(command.payload);
  if (!payload.success) {
    throw new StackferryError(
      'invalid_request',
      `The payload of "${command.kind}" is not understood: ${payload.error.issues[0]?.message}`,
    );
  }
  assertNotOverwritten(command.kind, context);
  const handler = commandHandlers[command.kind] as (payload: unknown, context: CommandContext) => Promise<unknown>;
  return handler(payload.data, context);
}

const fillsTarget: ReadonlySet<CommandKind> = new Set<CommandKind>([
  'prepare_target',
  'warm_target',
  'stage_target',
  'receive_volumes',
  'receive_project',
  'deploy',
]);

/** A control plane whose database was restored to an earlier moment may repeat what filled a stack that lives here since. */
function assertNotOverwritten(kind: CommandKind, { ledger, migrationId }: CommandContext): void {
  const entry = fillsTarget.has(kind) ? ledger.find(migrationId) : null;
  if (!entry?.armed && !entry?.halted) return;
  throw new StackferryError(
    'stack_running',
    `This host has the migration down as completed, so "${kind}" would overwrite what the stack wrote since: nothing was done. Was the control plane's database restored to an earlier moment?`,
  );
}
