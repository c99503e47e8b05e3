import type { LaneProof } from '../../../schema/commands/parts.ts';
import type { CommandPayload } from '../../../schema/commands.ts';
import type { ContentDigestName } from '../../../schema/content-digest.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { recordedFirst } from '../cutover/recorded-first.ts';
import type { CommandContext } from '../runner/context.ts';
import { carryProvenLanes } from './carry-lanes.ts';

/** The lane of the project directory before the stop, while the stack runs. */
export const stagedLane = 'staged';
/** The digest of contents in a staged directory's manifests: it is small, so SHA-256, which every release knows. */
export const stagedContents = 'sha256';

/**
 * Receives a project directory to a path that did not exist. The path is recorded before it is created; the engine
 * refuses one that exists and is not this migration's.
 */
export async function receiveDirectory(
  lane: string,
  { project, peer, target_dir }: Omit<CommandPayload<'receive_project'>, 'changes'>,
  contents: ContentDigestName | null,
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
            if (known && !end.earlier) await sink.reset();
            return lanes.receive({ ...end, sink });
          }),
        tree: { directory: target_dir },
        contents,
      },
    ],
    context,
  );
  return onlyProof(proofs);
}

export function onlyProof(proofs: LaneProof[]): LaneProof {
  const [proof] = proofs;
  if (!proof) throw new StackferryError('internal', 'The project lane has no proof.');
  return proof;
}

/**
 * Throws `policy_refused` unless the directory belongs to the stack: an attacker in control of the control plane must
 * not be able to read any other directory of this host by naming it.
 */
export async function assertProjectDirectory(
  project: string,
  directory: string,
  { engine }: CommandContext,
): Promise<void> {
  const stacks = await engine.stacks();
  if (stacks.some((stack) => stack.project === project && stack.working_dir === directory)) return;
  throw new StackferryError('policy_refused', `${directory} is not the directory of the stack "${project}".`);
}
