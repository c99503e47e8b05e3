import type { LaneProof } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';

/** The lane that carries the project directory. */
export const projectLane = 'project';

export function onlyProof(proofs: LaneProof[]): LaneProof {
  const [proof] = proofs;
  if (!proof) throw new StackferryError('internal', 'The project lane gave no proof.');
  return proof;
}
