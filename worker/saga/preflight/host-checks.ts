import type { ErrorCode } from '../../../schema/errors.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { Report, ReportInputs } from '../../../schema/preflight-report.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import { chosenBinds } from './chosen-binds.ts';
import type { PreflightFacts, Room } from './preflight-facts.ts';
import { type CheckResult, diskFactor, fail, list, pass, size, skipped } from './verdicts.ts';

/** Checks of the hosts: capacity, reachability, relay, helper image and clocks. */

export const memoryFactor = 1.2;

/** A cordoned host fails even if it is online. */
export function targetOnline({ target, names, cordoned }: PreflightFacts): CheckResult {
  if (cordoned)
    return fail(`"${names.target}" is cordoned: no migration may target it. Choose another host, or uncordon it.`, {
      code: 'host_cordoned' satisfies ErrorCode,
    });
  return target.ok
    ? pass(`"${names.target}" answers and takes commands.`, { answer_ms: target.answered_at - target.asked_at })
    : fail(`"${names.target}" does not answer (${target.why}). Start its agent and try again.`);
}

export function noConcurrent({ running_migration }: PreflightFacts): CheckResult {
  return running_migration
    ? fail(
        `Migration ${running_migration} of this stack is under way, or its end has not reached its host yet. Wait for it, or cancel it.`,
        {
          migration_id: running_migration,
        },
      )
    : pass('No other migration of this stack is running.');
}

export function sourceOnline({ source, names }: PreflightFacts): CheckResult {
  return source.ok
    ? pass(`"${names.source}" answers.`, { answer_ms: source.answered_at - source.asked_at })
    : fail(`"${names.source}" does not answer (${source.why}). Start its agent and try again.`);
}

export function sourceMetrics({ source }: PreflightFacts): CheckResult {
  if (!source.ok) return fail('No snapshot of the source could be taken: it does not answer.');
  const { cpu, memory } = source.data.resources;
  return pass(`The source uses ${size(memory.used_bytes)} of memory, load ${cpu.load_1m} on ${cpu.cores} cores.`, {
    cpu,
    memory,
  });
}

export function targetCapacity(facts: PreflightFacts): CheckResult {
  return room(facts, 'memory', memoryFactor, 'memory_bytes');
}

export function targetDisk(facts: PreflightFacts): CheckResult {
  return roomForImages(facts) ?? room(facts, 'disk', diskFactor, 'disk_bytes');
}

/** Returns null if the images fit, or are stored on the filesystem of the volumes. */
function roomForImages({ target, stack, fit, names }: PreflightFacts): CheckResult | null {
  if (!target.ok || !stack.ok || !fit.ok || !target.data.image_disk) return null;
  const { path, free_bytes } = target.data.image_disk;
  const needed = arrivingImageBytes(stack.data, fit.data);
  if (needed <= free_bytes) return null;
  return fail(`No space on "${names.target}": ${path}: images need ${size(needed)}, ${size(free_bytes)} free.`, {
    path,
    free_bytes,
    needed_bytes: needed,
  });
}

/** Bytes of the images that the target does not have yet; layers that they share with others count too. */
function arrivingImageBytes(stack: StackFacts, fit: TargetFacts): number {
  const absent = fit.images.filter(({ state }) => state !== 'present').map(({ reference }) => reference);
  const sizes = new Map(stack.services.map(({ image }) => [image.reference, image.size_bytes]));
  return absent.reduce((sum, reference) => sum + (sizes.get(reference) ?? 0), 0);
}

/** The usage assumed by each sizing, images included where they share the volumes' disk; null if unknown. */
export function usedBy(
  { source, target, stack, fit, inputs }: PreflightFacts,
  sizing: ReportInputs['sizing'],
): Report['needs'] {
  if (sizing === 'stack') {
    if (!stack.ok) return null;
    const shared = target.ok && fit.ok && !target.data.image_disk;
    const images = shared ? arrivingImageBytes(stack.data, fit.data) : 0;
    const { memory_bytes, disk_bytes } = stack.data.usage;
    return { memory_bytes, disk_bytes: disk_bytes + images + bindBytesWithVolumes(stack.data, fit, inputs.binds) };
  }
  if (!source.ok) return null;
  const { memory, disk } = source.data.resources;
  return { memory_bytes: memory.used_bytes, disk_bytes: disk.used_bytes };
}

/** Bytes of bind mounts that go to the filesystem of the volumes. */
function bindBytesWithVolumes(stack: StackFacts, fit: PreflightFacts['fit'], choices: string[]): number {
  const shared = (fit.ok ? (fit.data.bind_places ?? []) : []).filter(({ with_volumes }) => with_volumes);
  return chosenBinds(stack, choices)
    .trees.filter(({ place }) => shared.some((at) => at.place === place))
    .reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0);
}

/** The target's room left for other migrations; null if unknown. */
export function spareRoom(facts: PreflightFacts): Room | null {
  const used = usedBy(facts, facts.inputs.sizing);
  if (!facts.target.ok || !used) return null;
  const { memory, disk } = facts.target.data.resources;
  return {
    memory_bytes: memory.free_bytes - Math.ceil(used.memory_bytes * memoryFactor),
    disk_bytes: disk.free_bytes - Math.ceil(used.disk_bytes * diskFactor),
  };
}

function room(
  facts: PreflightFacts,
  of: 'memory' | 'disk',
  factor: number,
  key: 'memory_bytes' | 'disk_bytes',
): CheckResult {
  const { target, inputs, reserved, names } = facts;
  if (!target.ok) return skipped('The target does not answer, so its room is not known.');
  const free = target.data.resources[of].free_bytes - reserved[key];
  const byHost = usedBy(facts, 'host')?.[key] ?? null;
  const byStack = usedBy(facts, 'stack')?.[key] ?? null;
  const measured = {
    target_free_bytes: target.data.resources[of].free_bytes,
    reserved_bytes: reserved[key],
    source_host_used_bytes: byHost,
    source_stack_used_bytes: byStack,
    factor,
    sizing: inputs.sizing,
  };
  const used = inputs.sizing === 'host' ? byHost : byStack;
  if (used === null) return fail('What the source uses could not be measured.', measured);
  const needed = Math.ceil(used * factor);
  const sum = `${size(needed)} needed (${factor} × the ${inputs.sizing}'s ${size(used)}), ${size(Math.max(0, free))} free`;
  if (free >= needed) return pass(`Enough ${of}: ${sum}.`, measured);
  const other = inputs.sizing === 'host' ? byStack : byHost;
  const otherSizing = inputs.sizing === 'host' ? 'stack' : 'host';
  const wouldPass = other !== null && free >= other * factor;
  const hint = wouldPass ? ` With "sizing": "${otherSizing}" it would pass.` : '';
  const where =
    of === 'disk'
      ? `No space on "${names.target}": ${target.data.resources.disk.path}`
      : 'Not enough memory on the target';
  return fail(`${where}: ${sum}.${hint}`, measured, wouldPass ? [{ sizing: otherSizing }] : []);
}

export function relayOnline({ relays, source, target }: PreflightFacts): CheckResult {
  if (relays.length === 0) return fail('No relay is connected. Start one: stackferry relay.');
  if (!source.ok || !target.ok) return skipped('Both hosts must answer before this can be checked.');
  const reach = relays.map(({ id }) => ({
    id,
    source: source.data.relays.find((relay) => relay.id === id)?.reachable ?? false,
    target: target.data.relays.find((relay) => relay.id === id)?.reachable ?? false,
  }));
  const usable = reach.filter((relay) => relay.source && relay.target);
  if (usable.length > 0)
    return pass(`Both hosts reach ${usable.length} of ${relays.length} relays.`, { relays: reach });
  return fail('No relay is reached by both hosts. Check its address and the firewalls between.', { relays: reach });
}

export function helperReady({ source, target, names }: PreflightFacts): CheckResult {
  const sides = [
    { name: names.source, facts: source },
    { name: names.target, facts: target },
  ];
  const missing: string[] = [];
  for (const { name, facts } of sides) {
    if (!facts.ok) return skipped('Both hosts must answer before this can be checked.');
    if (!facts.data.helper.ready) missing.push(`"${name}": ${facts.data.helper.detail}`);
  }
  return missing.length === 0
    ? pass('The helper image is on both hosts.')
    : fail(`No helper image on ${list(missing)}. An image with what helpers need can be named with --helper-image.`);
}

export function clocksAgree({ source, target, names }: PreflightFacts): CheckResult {
  const bound = limits.control.clockSkewMsMax;
  const skews: Record<string, number> = {};
  for (const [name, facts] of [
    [names.source, source],
    [names.target, target],
  ] as const) {
    if (!facts.ok) return skipped('Both hosts must answer before this can be checked.');
    skews[name] = Math.round(facts.data.now_ms - (facts.asked_at + facts.answered_at) / 2);
  }
  const off = Object.entries(skews).filter(([, skew]) => Math.abs(skew) > bound);
  return off.length === 0
    ? pass(`Clocks agree within ${bound / 1000} s.`, { skew_ms: skews })
    : fail(`The clock of ${list(off.map(([name, skew]) => `"${name}" is off by ${skew / 1000} s`))}. Set it right.`, {
        skew_ms: skews,
      });
}
