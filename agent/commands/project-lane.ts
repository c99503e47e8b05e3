import type { CommandPayload, LaneProof } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandContext } from './context.ts';
import { recordedFirst } from './recorded-first.ts';

/** The lanes that carry the project directory: of the stack at rest, and before, while it runs. */
export const projectLane = 'project';
export const stagedLane = 'staged';

/**
 * Receives a project directory to a place where nothing was. The place is recorded before it is made; the engine refuses
 * one that exists and is not this migration's own.
 */
export async function receiveDirectory(
  lane: string,
  { project, peer, target_dir }: Omit<CommandPayload<'receive_project'>, 'changes'>,
  contents: boolean,
  context: CommandContext,
): Promise<LaneProof> {
  const { engine, lanes, migrationId } = context;
  const key = { migration_id: migrationId, project, role: 'target' } as const;
  const sink = engine.unpackProject(target_dir, project, migrationId);
  const proofs = await carryProvenLanes(
    { project, role: 'target', peer },
    [
      {
        lane,
        total: null,
        carry: (end) =>
          recordedFirst(key, 'paths', target_dir, context, async (known) => {
            if (known) await sink.reset();
            return lanes.receive({ ...end, sink });
          }),
        manifest: () => engine.manifestProject(target_dir, project, migrationId, contents),
      },
    ],
    context,
  );
  return onlyProof(proofs);
}

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
