import type { Failure } from '../../../schema/agent-protocol.ts';
import { changesLane, type LaneProof, type Passage, warmProjectLane } from '../../../schema/commands/parts.ts';
import type { Saga } from '../../../schema/saga.ts';
import { payloadOf } from './command-payloads.ts';
import { warmsProject } from './lanes.ts';

/** Compares both sides' proofs of everything sent before the stop. */
export function judgePrepared(saga: Saga): Failure | null {
  const { send_images, receive_images, warm_source, warm_target, stage_source, stage_target } = saga.results;
  if (saga.plan && saga.plan.shipped.length > 0) {
    const failure = comparePassages('images', send_images?.passage, receive_images?.passage);
    if (failure) return failure;
  }
  if (saga.mode !== 'pre-copy') return null;
  for (const { lane, volume } of payloadOf(saga, 'warm_source').items) {
    const sent = of(warm_source?.passages ?? [], lane);
    const failure = comparePassages(named(volume), sent, of(warm_target?.passages ?? [], lane));
    if (failure) return failure;
  }
  if (warmsProject(saga)) {
    const sent = of(warm_source?.passages ?? [], warmProjectLane);
    const failure = comparePassages('project directory', sent, of(warm_target?.passages ?? [], warmProjectLane));
    if (failure) return failure;
  }
  if (stage_source) {
    const failure = comparePassages('project directory', stage_source.passage, stage_target?.proof);
    if (failure) return failure;
  }
  return saga.last_passes > 0 ? judgeRound(saga) : null;
}

/** Compares both sides' proofs of a round of passes after the first one. */
export function judgeRound(saga: Saga): Failure | null {
  const { pass_source, pass_target } = saga.results;
  const { items, project_lane } = payloadOf(saga, 'pass_source');
  const lanes = items.map(({ lane, volume }) => ({ lane, what: named(volume) }));
  if (project_lane) lanes.push({ lane: project_lane.lane, what: 'project directory' });
  for (const { lane, what } of lanes) {
    const failure = comparePassages(what, of(pass_source?.passages ?? [], lane), of(pass_target?.passages ?? [], lane));
    if (failure) return failure;
  }
  return null;
}

/** False if the source's agent restarted after its lanes had passed: it reports no pass, and has forgotten what the target holds. */
export const isRemembered = ({ results }: Saga): boolean =>
  (results.pass_source?.passes ?? []).every(({ bytes }) => bytes.length > 0);

/** True if the containers created before the stop still fit: the project files are unchanged on both sides. */
export function isStaged({ results }: Saga): boolean {
  const [made, now] = [results.stage_target?.proof, results.send_volumes?.staged];
  if (!made || !now || made.manifest_sha256 !== now.sha256 || made.entries !== now.entries) return false;
  // A target of the previous release does not say.
  const [left, there] = [results.stage_target?.left, results.receive_volumes?.staged];
  return !left || !there || (left.sha256 === there.sha256 && left.entries === there.entries);
}

/** Returns the volumes that differ after a pre-copy; they are sent again. */
export function differingVolumes(saga: Saga): string[] {
  const sent = saga.results.send_volumes?.proofs ?? [];
  const received = saga.results.receive_volumes?.proofs ?? [];
  const { items } = payloadOf(saga, 'send_volumes');
  return items
    .filter(({ lane, volume }) => compare(volume, of(sent, lane), of(received, lane)) !== null)
    .map(({ volume }) => volume);
}

/** Invariant 4: no migration continues without a proof for every volume. Returns null if both sides agree on each. */
export function judgeVolumes(saga: Saga): Failure | null {
  const sent = saga.results.send_volumes?.proofs ?? [];
  const received = saga.results.receive_volumes?.proofs ?? [];
  for (const { lane, volume } of payloadOf(saga, 'send_volumes').items) {
    const failure = compare(named(volume), of(sent, lane), of(received, lane));
    if (failure) return failure;
  }
  return null;
}

export function judgeProject(saga: Saga): Failure | null {
  return compare('project directory', saga.results.send_project?.proof, saga.results.receive_project?.proof);
}

/** True if the last transfer of the project directory carried only its changes since the passes. */
export const sentChanges = ({ results }: Saga): boolean => results.send_project?.proof.lane === changesLane;

const named = (tree: string) => (tree.startsWith('/') ? `bind mount ${tree}` : `volume "${tree}"`);

function of<T extends Passage>(passages: T[], lane: string): T | undefined {
  return passages.find((passage) => passage.lane === lane);
}

function comparePassages(what: string, sent: Passage | undefined, received: Passage | undefined): Failure | null {
  if (!sent || !received) return fail('digest_mismatch', `There is no proof for the ${what}.`);
  if (sent.sha256 !== received.sha256 || sent.bytes !== received.bytes)
    return fail('digest_mismatch', `The bytes of the ${what} differ: ${sent.bytes} sent, ${received.bytes} received.`);
  return null;
}

function compare(what: string, sent: LaneProof | undefined, received: LaneProof | undefined): Failure | null {
  const failure = comparePassages(what, sent, received);
  if (failure) return failure;
  if (sent?.manifest_sha256 !== received?.manifest_sha256 || sent?.entries !== received?.entries)
    return fail(
      'manifest_mismatch',
      `The ${what} differs on the target: owners, modes, times or attributes of its ${sent?.entries} entries did not all arrive.`,
    );
  return null;
}

function fail(code: Failure['code'], message: string): Failure {
  return { code, message, log_tail: [] };
}
