import type { ShippedImage } from '../../../schema/commands/parts.ts';
import type { BindOverride } from '../../../schema/deployment.ts';
import { variablesIn } from '../../../schema/environment.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import type { ForwardedPort } from '../../../schema/forwarding.ts';
import type { HostFacts } from '../../../schema/host-facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { MoveOptions } from '../../../schema/move-options.ts';
import type { Plan } from '../../../schema/preflight-report.ts';
import type { SagaPlan } from '../../../schema/saga.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import { relayPaths } from '../relay-selection.ts';
import { arrivingImages } from './arriving-images.ts';
import { type ChosenBinds, chosenBinds, placeOf } from './chosen-binds.ts';
import { madeNetworks } from './external-networks.ts';
import { movedStack } from './moved-stack.ts';
import { deviceOn, madeVolumes, optionVolumes } from './option-volumes.ts';
import type { Logins } from './preflight-facts.ts';

export interface PlanFacts {
  stack: StackFacts;
  binds: ChosenBinds['trees'];
  names: { source: string; target: string };
  /** Both hosts support pre-copy. */
  preCopy: boolean;
  /** Images that the source sends. */
  shipped: readonly ShippedImage[];
  /** Bytes per second between these hosts; null if not measured yet. */
  measuredRate: number | null;
  /** Bytes per second that the source may send; null for any. */
  limit: number | null;
  /** Seconds that the stack took to stop and to start in its latest move; null if it has not moved yet. */
  measuredStopStartS: number | null;
  /** Where the project directory goes; null if unknown. */
  projectPlace: string | null;
}

/** What will be moved, and how long it may take. */
export function planOf({ stack, binds, names, preCopy, shipped, projectPlace, ...measured }: PlanFacts): Plan {
  const items: Plan['items'] = [
    ...movedVolumes(stack).map(({ name, size_bytes }) => ({ kind: 'volume' as const, name, size_bytes })),
    ...shipped.map(({ reference, size_bytes }) => ({
      kind: 'image' as const,
      name: reference,
      size_bytes,
    })),
    ...binds.map(({ path, place, size_bytes }) => ({
      kind: 'bind' as const,
      name: path,
      ...(place === path ? {} : { place }),
      size_bytes,
    })),
    {
      kind: 'project',
      name: stack.working_dir,
      ...(projectPlace === null || projectPlace === stack.working_dir ? {} : { place: projectPlace }),
      size_bytes: stack.project_files.size_bytes,
    },
  ];
  const bytesOf = (of: Plan['items']) => of.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0);
  const total_bytes = bytesOf(items);
  // Images are sent before the stop, so they add no downtime.
  const downtimeBytes = bytesOf(items.filter(({ kind }) => kind !== 'image'));
  const { assumedBytesPerS, assumedStopStartS, assumedChangedShare, assumedReadBytesPerS } = limits.plan;
  const { measuredRate, limit, measuredStopStartS } = measured;
  const possible = measuredRate ?? assumedBytesPerS;
  const rate = Math.min(possible, limit ?? possible);
  const stop_start_s = measuredStopStartS ?? assumedStopStartS;
  const transfer_s = Math.ceil(total_bytes / rate);
  const restS = (downtimeBytes * assumedChangedShare) / rate + downtimeBytes / assumedReadBytesPerS;
  return {
    items,
    total_bytes,
    total_is_lower_bound: items.some(({ size_bytes }) => size_bytes === null),
    expected: [
      { mode: 'stop-copy', transfer_s, downtime_s: Math.ceil(downtimeBytes / rate) + stop_start_s },
      ...(preCopy ? [{ mode: 'pre-copy' as const, transfer_s, downtime_s: Math.ceil(restS) + stop_start_s }] : []),
    ],
    assumed_rate: rate,
    rate_measured: measuredRate !== null,
    rate_limited: rate < possible,
    stop_start_s,
    stop_start_measured: measuredStopStartS !== null,
    ports: stack.services.flatMap(({ name, ports }) =>
      ports.map(({ port, protocol }) => ({ service: name, port, protocol })),
    ),
    address_change: { from_host: names.source, to_host: names.target },
    unmoved_layers: stack.written_layers.filter(({ size_bytes }) => size_bytes > 0),
  };
}

/** The part of the pre-flight that the saga keeps. */
export function sagaPlanOf(
  found: StackFacts,
  target: TargetFacts,
  hosts: { source: HostFacts; target: HostFacts },
  chosen: MoveOptions,
  logins: Logins = null,
): SagaPlan {
  const stack = movedStack(found, chosen);
  const binds = chosenBinds(stack, chosen.binds).trees.map(({ path, place }) => ({ path, place }));
  const { shipped, private_images } = arrivingImages({ stack, target, options: chosen }, logins);
  const arriving = [...shipped, ...private_images].map(({ reference }) => reference);
  const present = stack.services.filter(({ replicas }) => replicas > 0);
  const images = new Map(present.map(({ image }) => [image.reference, image]));
  const waits = present.map((service) => service.health_wait_s ?? 0);
  return {
    deployment: {
      project: stack.project,
      source_dir: stack.working_dir,
      target_dir: target.project_path,
      config_files: stack.config_files,
      env_files: stack.env_files,
      override: bindOverrideOf(stack, target, binds),
      anonymous: stack.anonymous_volumes.flatMap(({ name, service, move }) =>
        move && present.some((one) => one.name === service)
          ? [{ service, number: move.number, target: move.target, volume: name }]
          : [],
      ),
      services: present.map(({ name }) => name),
      drifted: stack.drift.services,
      one_shots: present.filter(({ one_shot }) => one_shot).map(({ name }) => name),
      scale: Object.fromEntries(present.map(({ name, replicas }) => [name, replicas])),
      environment: { ...stack.environment, ...variablesIn(chosen.env) },
      joined_networks: stack.joined_networks,
      before: present.flatMap(({ name, unwell }) => (unwell ? [{ service: name, state: unwell }] : [])),
    },
    volumes: movedVolumes(stack),
    binds,
    networks: madeNetworks(stack, target, chosen.with_external),
    option_volumes: madeVolumes(stack, target.project_path, binds),
    images: [...images.values()].filter(({ reference }) => !arriving.includes(reference)),
    private_images,
    shipped,
    blocks: hosts.source.engine.pre_copy === 'blocks' && hosts.target.engine.pre_copy === 'blocks',
    content_digest: [hosts.source, hosts.target].every(({ engine }) => engine.content_digest === 'gmac')
      ? 'gmac'
      : 'sha256',
    staged: (stack.project_files.size_bytes ?? Number.POSITIVE_INFINITY) <= limits.warm.stagedBytesMax,
    forwarded_ports: chosen.forward ? forwardedPorts(stack) : [],
    relay_paths: relayPaths(hosts.source.relays, hosts.target.relays),
    last_pass: [hosts.source, hosts.target].every(({ engine }) => engine.holds),
    health_wait_s: Math.min(limits.health.timeoutSMax, Math.max(0, ...waits)),
    start_wait_s: Math.min(
      limits.health.timeoutSMax,
      waits.reduce((sum, wait) => sum + wait, 0),
    ),
  };
}

/**
 * Gives the mounts whose data moves their places on the target; null if the stack's own files do. A project directory that
 * goes elsewhere takes relative sources with it, so all others keep their paths then.
 */
export function bindOverrideOf(
  { bind_mounts, working_dir, override_name }: StackFacts,
  { project_path }: TargetFacts,
  binds: SagaPlan['binds'],
): BindOverride | null {
  const isElsewhere = project_path !== working_dir;
  const bound = bind_mounts.filter(({ volume }) => volume !== null);
  const isMapped = binds.some(({ path, place }) => path !== place);
  const movesAlong = isElsewhere && (binds.length > 0 || bound.some(({ inside_project }) => inside_project));
  if (!isMapped && !movesAlong) return null;
  const devices = new Map(
    bound.map((bind) => [bind.volume!.key, deviceOn(bind, working_dir, project_path, binds)] as const),
  );
  const mounts = bind_mounts.flatMap(({ service, source, target, inside_project, volume }) => {
    if (volume !== null) return [];
    const place = inside_project ? null : (placeOf(binds, source) ?? (isElsewhere ? source : null));
    return place === null ? [] : [{ service, target, source: place }];
  });
  return {
    file: override_name,
    mounts,
    places: binds,
    volumes: [...devices].map(([key, device]) => ({ key, device })),
  };
}

/** An external volume must be on the target already, unless it moves like the stack's own (`movedStack`). */
function movedVolumes(stack: StackFacts) {
  const made = optionVolumes(stack);
  return stack.volumes.filter((volume) => !volume.external && !made.includes(volume));
}

/** What is published by TCP or UDP; a port of several services or replicas once. */
export function forwardedPorts({ services }: StackFacts): ForwardedPort[] {
  const published = services.flatMap(({ ports, replicas }) => (replicas > 0 ? ports : []));
  const ports = published.flatMap(({ host_ip, port, protocol }) =>
    protocol === 'sctp' ? [] : [{ host_ip, port, protocol }],
  );
  return [...new Map(ports.map((one) => [`${one.host_ip} ${one.port}/${one.protocol}`, one])).values()];
}
