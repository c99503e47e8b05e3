import type { StackService, UnwellState } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { type CheckName, checkNames, type Plan, type Report } from '../../../schema/preflight-report.ts';
import { arrivingImages } from './arriving-images.ts';
import { bindMountViews, chosenBinds, placeOf } from './chosen-binds.ts';
import { configCurrent } from './drift-check.ts';
import { networksPresent } from './external-networks.ts';
import type { Fit } from './fit.ts';
import * as host from './host-checks.ts';
import { hostNotes } from './host-notes.ts';
import { imageAvailable } from './image-check.ts';
import { leftOutNotes, leftOutOf } from './left-out.ts';
import { composeSupported } from './movable-checks.ts';
import { movedStack } from './moved-stack.ts';
import { tmpfsNotes } from './option-volumes.ts';
import { pathFree } from './place-checks.ts';
import { bindOverrideOf, planOf } from './plan.ts';
import type { PreflightFacts } from './preflight-facts.ts';
import * as stack from './stack-checks.ts';
import { type CheckResult, fail, list, named, size, skipped } from './verdicts.ts';

/** Builds the report. Pure: the same facts give the same report. */
export function judge(found: PreflightFacts): Report {
  const { stack: asked, inputs } = found;
  const stack = asked.ok ? { ...asked, data: movedStack(asked.data, inputs) } : asked;
  const facts = { ...found, stack };
  const checks = checkNames.map((name) => named(name, verdictOf(name, facts)));
  return {
    passed: checks.every(({ status }) => status === 'pass' || status === 'note'),
    checks,
    notes: notesOf(facts),
    bind_mounts: facts.stack.ok
      ? bindMountViews(facts.stack.data, facts.fit.ok ? facts.fit.data : null, facts.inputs.binds)
      : [],
    left_out: leftOutIn(facts),
    plan: expectedPlan(facts),
    needs: host.usedBy(facts, 'stack'),
    inputs: facts.inputs,
    made_at: facts.now,
  };
}

const leftOutIn = ({ stack, inputs }: PreflightFacts): Report['left_out'] =>
  stack.ok ? leftOutOf(stack.data, chosenBinds(stack.data, inputs.binds).trees, inputs) : [];

function expectedPlan({
  inputs,
  stack: asked,
  fit,
  source,
  target,
  names,
  logins,
  ...measured
}: PreflightFacts): Plan | null {
  if (!asked.ok) return null;
  const offers = (facts: PreflightFacts['source']) => facts.ok && facts.data.engine.pre_copy !== null;
  return planOf({
    stack: asked.data,
    binds: chosenBinds(asked.data, inputs.binds).trees,
    names,
    preCopy: offers(source) && offers(target),
    shipped: fit.ok ? arrivingImages({ stack: asked.data, target: fit.data, options: inputs }, logins).shipped : [],
    measuredRate: measured.measured_rate,
    limit: measured.bandwidth_limit,
    measuredStopStartS: measured.measured_stop_start_s,
    projectPlace: fit.ok ? fit.data.project_path : null,
  });
}

const hostChecks: { [N in CheckName]?: (facts: PreflightFacts) => CheckResult } = {
  target_online: host.targetOnline,
  no_concurrent: host.noConcurrent,
  source_online: host.sourceOnline,
  source_metrics: host.sourceMetrics,
  target_capacity: host.targetCapacity,
  target_disk: host.targetDisk,
  relay_online: host.relayOnline,
  helper_ready: host.helperReady,
  clocks_agree: host.clocksAgree,
};

const stackChecks: { [N in CheckName]?: (fit: Fit) => CheckResult } = {
  image_available: imageAvailable,
  ports_free: stack.portsFree,
  project_free: stack.projectFree,
  names_free: stack.namesFree,
  volumes_free: stack.volumesFree,
  path_free: pathFree,
  networks_present: networksPresent,
  devices_present: stack.devicesPresent,
  platform_match: stack.platformMatch,
  engine_compatible: stack.engineCompatible,
  compose_supported: composeSupported,
  config_current: configCurrent,
  policy_allows: stack.policyAllows,
};

function verdictOf(name: CheckName, facts: PreflightFacts): CheckResult {
  const { source, target, stack: model, fit, inputs } = facts;
  const byHost = hostChecks[name];
  if (byHost) return byHost(facts);
  if (!source.ok || !target.ok) return skipped('Both hosts must answer before this can be checked.');
  // Said once, by the check that it concerns most.
  if (!model.ok)
    return name === 'config_current'
      ? fail(`The stack could not be read on the source: ${model.why}`)
      : skipped('The stack must be read before this can be checked.');
  if (!fit.ok)
    return name === 'engine_compatible'
      ? fail(`The target could not be examined: ${fit.why}`)
      : skipped('The target must be examined before this can be checked.');
  return stackChecks[name]!({
    stack: model.data,
    target: fit.data,
    sourceHost: source.data,
    targetHost: target.data,
    options: inputs,
    binds: chosenBinds(model.data, inputs.binds),
    mode: inputs.mode,
    kept: facts.kept,
    logins: facts.logins,
    names: facts.names,
  });
}

function notesOf(facts: PreflightFacts): string[] {
  const { stack: model, fit } = facts;
  if (!model.ok) return [];
  const { trees } = chosenBinds(model.data, facts.inputs.binds);
  const sizeAt = (source: string) => model.data.bind_trees?.find(({ path }) => path === source)?.size_bytes ?? null;
  const notes = model.data.bind_mounts
    .filter(({ inside_project, source }) => !inside_project && placeOf(trees, source) === null)
    .map(({ service, source, link }) => {
      const there = fit.ok ? fit.data.bind_mounts.find(({ path }) => path === source)?.exists : undefined;
      const words =
        there === undefined ? 'not known on the target' : there ? 'exists on the target' : 'absent on the target';
      const by = link ? ` (by the link ${link})` : '';
      const bytes = sizeAt(source);
      const what = bytes === null ? '' : `${size(bytes)}, `;
      return `Bind mount ${source}${by} of service ${service} is not moved: it points at a path of the host (${what}${words}).`;
    });
  notes.push(...leftOutNotes(leftOutIn(facts)));
  const override = fit.ok ? bindOverrideOf(model.data, fit.data, trees) : null;
  if (override && override.file !== 'compose.override.yaml') {
    const files = [...model.data.config_files.filter((file) => file !== override.file), override.file];
    notes.push(
      `On the target call Compose with all of its files (${files.map((file) => `-f ${file}`).join(' ')}): without ${override.file} it mounts the places of the source.`,
    );
  }
  for (const { path, written_from_above } of trees)
    if (written_from_above.length > 0)
      notes.push(
        `${list(written_from_above)} can write to ${path} from a directory above: keep it from writing there, since that stays.`,
      );
  for (const { name } of model.data.volumes.filter(({ external }) => external))
    notes.push(`External volume ${name} is not moved: the stack will use the one of that name on the target.`);
  notes.push(...tmpfsNotes(model.data));
  notes.push(...model.data.services.filter(({ replicas }) => replicas > 0).flatMap(serviceNotes));
  const fixed = (model.data.data?.immutable ?? []).map(({ tree, path }) => `${path} in ${tree}`);
  if (fixed.length > 0)
    notes.push(
      `Immutable or append-only (chattr), which does not travel: ${list(fixed)}. Set it again on the target; deleting the source copy leaves them behind.`,
    );
  for (const { container, uses } of model.data.data?.writers.filter(({ above }) => above) ?? [])
    notes.push(
      `Container ${container} can write to ${uses}, which holds data of the stack: keep it from writing there.`,
    );
  for (const { container, service, running } of model.data.orphans) {
    if (!running)
      notes.push(`Container ${container} is not moved: the Compose file no longer has its service ${service}.`);
  }
  const written = model.data.written_layers.filter(({ size_bytes }) => size_bytes > 0);
  if (written.length > 0) {
    const what = written.map(({ container, size_bytes }) => `${container} (${size(size_bytes)})`);
    notes.push(`Written outside any volume, so it does not move: ${list(what)}.`);
  }
  return [...notes, ...hostNotes(facts)];
}

/** The state of a service before the migration; the verification judges it by that. */
const unwellNotes: Record<UnwellState, string> = {
  stopped: 'is stopped on the source: it is created on the target, and stays stopped',
  paused: 'is paused on the source: it is paused again on the target',
  unhealthy: 'is unhealthy on the source already: on the target it has to run, whatever its healthcheck says',
  restarting:
    'crashes again and again on the source already: it is started on the target, and nothing more is asked of it',
};

function serviceNotes({ name, one_shot, unwell, health_wait_s }: StackService): string[] {
  const notes: string[] = [];
  if (one_shot)
    notes.push(
      `Service ${name} has exited, so it counts as a one-off job: it runs again on the target and must exit 0.`,
    );
  else if (unwell) notes.push(`Service ${name} ${unwellNotes[unwell]}.`);
  const { timeoutSDefault, timeoutSMax } = limits.health;
  if (health_wait_s !== null && health_wait_s > timeoutSDefault) {
    const waits = health_wait_s > timeoutSMax ? `${timeoutSMax / 60} of them` : 'for it';
    notes.push(
      `The healthcheck of service ${name} may take ${Math.ceil(health_wait_s / 60)} minutes to decide: the verification waits ${waits}.`,
    );
  }
  return notes;
}
