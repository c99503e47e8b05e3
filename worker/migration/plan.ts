import type { ShippedImage } from '../../schema/agent-protocol.ts';
import type { HostFacts, StackFacts, TargetFacts } from '../../schema/facts.ts';
import { limits } from '../../schema/limits.ts';
import type { Plan } from '../../schema/preflight-report.ts';
import type { SagaPlan } from '../../schema/saga.ts';

/** Images that the target cannot pull but the source can send; `differs` is not among them: the name means another there. */
export function shippedImages(stack: StackFacts, target: TargetFacts): ShippedImage[] {
  return target.images.flatMap(({ reference, state, layers_present, loadable }) => {
    const image = stack.services.find((service) => service.image.reference === reference)?.image;
    const absent = state !== 'present' && state !== 'pullable' && state !== 'differs';
    // An older agent does not say, and cannot take one that is named by its digest.
    const taken = loadable ?? !reference.includes('@');
    return absent && taken && image?.image_id && image.layers.length > 0 ? [{ ...image, layers_present }] : [];
  });
}

export interface PlanFacts {
  stack: StackFacts;
  /** Null where it did not answer. */
  target: TargetFacts | null;
  names: { source: string; target: string };
  /** Both hosts offer it. */
  preCopy: boolean;
  /** Bytes a second between these hosts, null where nothing was measured yet. */
  measuredRate: number | null;
}

/** What is going to be moved, and how long it may take. */
export function planOf({ stack, target, names, preCopy, measuredRate }: PlanFacts): Plan {
  const items: Plan['items'] = [
    ...movedVolumes(stack).map(({ name, size_bytes }) => ({ kind: 'volume' as const, name, size_bytes })),
    ...(target ? shippedImages(stack, target) : []).map(({ reference, size_bytes }) => ({
      kind: 'image' as const,
      name: reference,
      size_bytes,
    })),
    { kind: 'project', name: stack.working_dir, size_bytes: stack.project_files.size_bytes },
  ];
  const bytesOf = (of: Plan['items']) => of.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0);
  const total_bytes = bytesOf(items);
  // Images go before the stop.
  const dark_bytes = bytesOf(items.filter(({ kind }) => kind !== 'image'));
  const { assumedBytesPerS, assumedStopStartS, assumedChangedShare, assumedReadBytesPerS } = limits.plan;
  const rate = measuredRate ?? assumedBytesPerS;
  const transfer_s = Math.ceil(total_bytes / rate);
  const restS = (dark_bytes * assumedChangedShare) / rate + dark_bytes / assumedReadBytesPerS;
  return {
    items,
    total_bytes,
    total_is_lower_bound: items.some(({ size_bytes }) => size_bytes === null),
    expected: [
      { mode: 'stop-copy', transfer_s, downtime_s: Math.ceil(dark_bytes / rate) + assumedStopStartS },
      ...(preCopy ? [{ mode: 'pre-copy' as const, transfer_s, downtime_s: Math.ceil(restS) + assumedStopStartS }] : []),
    ],
    assumed_rate: rate,
    rate_measured: measuredRate !== null,
    ports: stack.services.flatMap(({ name, ports }) =>
      ports.map(({ port, protocol }) => ({ service: name, port, protocol })),
    ),
    address_change: { from_host: names.source, to_host: names.target },
    unmoved_layers: stack.written_layers.filter(({ size_bytes }) => size_bytes > 0),
  };
}

/** What the saga keeps of the pre-flight. */
export function sagaPlanOf(
  stack: StackFacts,
  target: TargetFacts,
  hosts: { source: HostFacts; target: HostFacts },
): SagaPlan {
  const shipped = shippedImages(stack, target);
  const present = stack.services.filter(({ replicas }) => replicas > 0);
  const images = new Map(present.map(({ image }) => [image.reference, image]));
  return {
    deployment: {
      project: stack.project,
      source_dir: stack.working_dir,
      target_dir: target.project_path,
      config_files: stack.config_files,
      env_files: stack.env_files,
      services: present.map(({ name }) => name),
      one_shots: present.filter(({ one_shot }) => one_shot).map(({ name }) => name),
      scale: Object.fromEntries(present.map(({ name, replicas }) => [name, replicas])),
      environment: stack.environment,
      joined_networks: stack.joined_networks,
      before: present.flatMap(({ name, unwell }) => (unwell ? [{ service: name, state: unwell }] : [])),
    },
    volumes: movedVolumes(stack),
    images: [...images.values()].filter(({ reference }) => !shipped.some((image) => image.reference === reference)),
    shipped,
    blocks: hosts.source.engine.pre_copy === 'blocks' && hosts.target.engine.pre_copy === 'blocks',
    staged: (stack.project_files.size_bytes ?? Number.POSITIVE_INFINITY) <= limits.warm.stagedBytesMax,
    health_wait_s: Math.min(
      limits.health.timeoutSMax,
      Math.max(0, ...present.map((service) => service.health_wait_s ?? 0)),
    ),
  };
}

/** An external volume belongs to nobody's file: it must be on the target already, and is not moved. */
function movedVolumes(stack: StackFacts) {
  return stack.volumes.filter(({ external }) => !external);
}
