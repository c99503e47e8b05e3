import type { StackService, UnwellState } from '../../schema/facts.ts';
import { limits } from '../../schema/limits.ts';
import { type CheckName, checkNames, type Plan, type Report } from '../../schema/preflight-report.ts';
import { list, named, size, skipped, type Verdict } from './check.ts';
import * as host from './host-checks.ts';
import { hostNotes } from './host-notes.ts';
import { planOf } from './plan.ts';
import type { PreflightFacts } from './preflight-facts.ts';
import * as stack from './stack-checks.ts';

/** The report from what was measured. Pure: the same facts give the same report. */
export function judge(facts: PreflightFacts): Report {
  const checks = checkNames.map((name) => named(name, verdictOf(name, facts)));
  return {
    passed: checks.every(({ status }) => status === 'pass' || status === 'note'),
    checks,
    notes: notesOf(facts),
    plan: expectedPlan(facts),
    needs: host.usedBy(facts, 'stack'),
    inputs: facts.inputs,
    made_at: facts.now,
  };
}

function expectedPlan({ stack: asked, fit, source, target, names, measured_rate }: PreflightFacts): Plan | null {
  if (!asked.ok) return null;
  const offers = (facts: PreflightFacts['source']) => facts.ok && facts.data.engine.pre_copy !== null;
  return planOf({
    stack: asked.data,
    target: fit.ok ? fit.data : null,
    names,
    preCopy: offers(source) && offers(target),
    measuredRate: measured_rate,
  });
}

const hostChecks: { [N in CheckName]?: (facts: PreflightFacts) => Verdict } = {
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

const stackChecks: { [N in CheckName]?: (fit: stack.Fit) => Verdict } = {
  image_available: stack.imageAvailable,
  ports_free: stack.portsFree,
  project_free: stack.projectFree,
  names_free: stack.namesFree,
  volumes_free: stack.volumesFree,
  path_free: stack.pathFree,
  networks_present: stack.networksPresent,
  devices_present: stack.devicesPresent,
  platform_match: stack.platformMatch,
  engine_compatible: stack.engineCompatible,
  compose_supported: stack.composeSupported,
  config_current: stack.configCurrent,
  policy_allows: stack.policyAllows,
};

function verdictOf(name: CheckName, facts: PreflightFacts): Verdict {
  const { source, target, stack: model, fit, inputs } = facts;
  const byHost = hostChecks[name];
  if (byHost) return byHost(facts);
  if (!source.ok || !target.ok) return skipped('Both hosts must answer before it can be told.');
  if (!model.ok)
    return { status: 'fail', detail: `The stack could not be read on the source: ${model.why}`, measured: {} };
  if (!fit.ok) return { status: 'fail', detail: `The target could not be examined: ${fit.why}`, measured: {} };
  return stackChecks[name]!({
    stack: model.data,
    target: fit.data,
    sourceHost: source.data,
    targetHost: target.data,
    accept_unmoved: inputs.accept_unmoved,
    mode: inputs.mode,
    kept: facts.kept,
  });
}

function notesOf(facts: PreflightFacts): string[] {
  const { stack: model, fit } = facts;
  if (!model.ok) return [];
  const notes = model.data.bind_mounts
    .filter(({ inside_project }) => !inside_project)
    .map(({ service, source, link }) => {
      const there = fit.ok ? fit.data.bind_mounts.find(({ path }) => path === source)?.exists : undefined;
      const words =
        there === undefined ? 'not known on the target' : there ? 'exists on the target' : 'absent on the target';
      const by = link ? ` (by the link ${link})` : '';
      return `Bind mount ${source}${by} of service ${service} is not moved: it points at a path of the host (${words}).`;
    });
  for (const { name } of model.data.volumes.filter(({ external }) => external))
    notes.push(`External volume ${name} is not moved: the stack will use the one of that name on the target.`);
  notes.push(...model.data.services.filter(({ replicas }) => replicas > 0).flatMap(serviceNotes));
  const fixed = (model.data.data?.immutable ?? []).map(({ tree, path }) => `${path} in ${tree}`);
  if (fixed.length > 0)
    notes.push(
      `Immutable or append-only (chattr), which does not travel: ${list(fixed)}. Set it again on the target; "Delete source" cannot delete them.`,
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

/** What a service was before, which is what it is judged by afterwards. */
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
      `Service ${name} is taken for a job that has ended: it is run again on the target, and must end with 0.`,
    );
  else if (unwell) notes.push(`Service ${name} ${unwellNotes[unwell]}.`);
  if (health_wait_s !== null && health_wait_s > limits.health.timeoutSDefault)
    notes.push(
      `The healthcheck of service ${name} may take ${Math.ceil(health_wait_s / 60)} minutes to decide: the verification waits for it.`,
    );
  return notes;
}
