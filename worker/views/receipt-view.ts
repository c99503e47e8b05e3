import type { ReceiptView } from '../../schema/api/receipt.ts';
import type { LaneProof } from '../../schema/commands/parts.ts';
import type { Saga } from '../../schema/saga.ts';
import { lanesOf } from '../saga/migration/lanes.ts';
import { time } from '../time.ts';

/** What was moved and proven; null unless the migration was completed at some time. */
export function viewReceipt(saga: Saga): ReceiptView | null {
  const { plan, results, window, verify, steps } = saga;
  if (!plan || !window) return null;
  const volumes = results.send_volumes?.proofs ?? [];
  const received = results.receive_volumes?.proofs ?? [];
  const items = lanesOf(plan, 'source').map(({ lane, volume }) => {
    const of = (proofs: LaneProof[]) => proofs.find((one) => one.lane === lane || one.lane === `${lane}.whole`);
    return itemOf(volume, of(volumes), of(received));
  });
  const project = itemOf(
    'project',
    results.send_project?.proof ?? stagedProof(saga),
    results.receive_project?.proof ?? results.stage_target?.proof,
  );
  const before = [
    ...(results.warm_source?.passages ?? []),
    ...passage(results.stage_source?.passage),
    // Of a hold's rounds only the latest is known.
    ...(saga.held ? [] : (results.pass_source?.passages ?? [])),
  ];
  const images = passage(results.send_images?.passage);
  const after = [...volumes, ...passage(results.send_project?.proof)];
  const bytes = (list: { bytes: number }[]) => list.reduce((sum, one) => sum + one.bytes, 0);
  const transfer = steps.transferring;
  const ms = transfer?.ended_at ? transfer.ended_at - transfer.started_at : 0;
  return {
    items: [...items, project],
    bytes: bytes([...before, ...images, ...after]),
    bytes_while_running: bytes([...before, ...images]),
    average_rate: ms > 0 ? Math.round((bytes(volumes) * 1000) / ms) : null,
    compared: verify,
    equal: [...items, project].every(({ equal }) => equal),
    completed_at: time(window.completed_at),
  };
}

const passage = <T>(one: T | undefined): T[] => (one === undefined ? [] : [one]);

/** Of a project directory sent before the stop: its bytes then, its manifest after the stop. */
function stagedProof({ results }: Saga): LaneProof | undefined {
  const [sent, after] = [results.stage_source?.passage, results.send_volumes?.staged];
  return sent && after ? { ...sent, manifest_sha256: after.sha256, entries: after.entries } : undefined;
}

/**
 * Without proofs: found equal before other volumes were sent again whole, which replaced the record. None completes
 * otherwise (Invariant 4).
 */
function itemOf(item: string, sent?: LaneProof, received?: LaneProof): ReceiptView['items'][number] {
  if (!sent || !received) return { item, entries: null, bytes: null, digest: null, equal: !sent && !received };
  const { entries, manifest_sha256 } = received;
  const equal = sent.manifest_sha256 === manifest_sha256 && sent.entries === entries;
  return { item, entries, bytes: sent.bytes, digest: manifest_sha256, equal };
}
