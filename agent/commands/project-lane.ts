import type { LaneProof } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { CommandContext } from './context.ts';

/** The lane that carries the project directory. */
export const projectLane = 'project';

export function onlyProof(proofs: LaneProof[]): LaneProof {
  const [proof] = proofs;
  if (!proof) throw new StackferryError('internal', 'The project lane gave no proof.');
  return proof;
}

/** Whoever controls the control plane must not get any other directory of this host by naming it; throws `policy_refused`. */
export async function assertProjectDirectory(
  project: string,
  directory: string,
  { engine }: CommandContext,
): Promise<void> {
  const stacks = await engine.stacks();
  if (stacks.some((stack) => stack.project === project && stack.working_dir === directory)) return;
  throw new StackferryError('policy_refused', `${directory} is not the directory of the stack "${project}".`);
}
