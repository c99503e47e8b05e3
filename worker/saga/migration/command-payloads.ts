import { warmProjectLane } from '../../../schema/commands/parts.ts';
import type { CommandKind, CommandPayload } from '../../../schema/commands.ts';
import { partsOf } from '../../../schema/cutover-names.ts';
import type { Deployment } from '../../../schema/deployment.ts';
import { limits } from '../../../schema/limits.ts';
import type { Saga, SagaPlan } from '../../../schema/saga.ts';
import { earlyLanes, lanesOf, ofRound, type Side, warmLanesOf, warmsProject } from './lanes.ts';

export function hostOf(saga: Saga, kind: CommandKind): string {
  return sourceKinds.has(kind) ? saga.source : saga.target;
}

const sourceKinds: ReadonlySet<CommandKind> = new Set<CommandKind>([
  'prepare_source',
  'send_logins',
  'send_images',
  'warm_source',
  'pass_source',
  'stage_source',
  'stop_stack',
  'send_volumes',
  'send_project',
  'restore_source',
  'retain_source',
  'check_retained',
  'revive_source',
  'verify_source',
  'arm_source',
  'stop_source',
  'purge_source',
  'hold_connections',
  'forward_connections',
  'release_connections',
  'end_forwarding',
  'tell_source',
]);

export function payloadOf<K extends CommandKind>(saga: Saga, kind: K): CommandPayload<K> {
  if (kind === 'tell_source' || kind === 'tell_target') return {} as CommandPayload<K>;
  return payloads[kind](planOf(saga), saga) as CommandPayload<K>;
}

const project = ({ deployment }: SagaPlan) => ({ project: deployment.project });
const volumeNames = ({ volumes }: SagaPlan) => volumes.map(({ name }) => name);

/** None for volumes sent whole: recreating a volume removes the containers created to use it. */
const stagedDir = ({ results, sent_whole }: Saga, directory: string): string | null =>
  results.stage_target && sent_whole.length === 0 ? directory : null;

const roundOf = ({ held, last_passes }: Saga): number => held?.rounds ?? last_passes;

const earlyOf = (saga: Saga) => {
  const lanes = earlyLanes(saga);
  return lanes.length > 0 ? { peer: saga.target, lanes } : null;
};

/** The deployment at its source path. */
const atHome = ({ deployment }: SagaPlan): Deployment => ({
  ...deployment,
  target_dir: deployment.source_dir,
  override: null,
});
const bindPaths = ({ binds }: SagaPlan) => binds.map(({ path }) => path);
const retained = (plan: SagaPlan) => ({
  deployment: atHome(plan),
  volumes: [...plan.volumes, ...plan.option_volumes].filter(({ external }) => !external).map(({ name }) => name),
  binds: bindPaths(plan),
});
const carried = (plan: SagaPlan, side: Side, { mode, verify, sent_whole }: Saga) => ({
  ...project(plan),
  items: lanesOf(plan, side, sent_whole),
  changes: mode === 'pre-copy' && sent_whole.length === 0,
  contents: verify === 'content',
  content_digest: plan.content_digest,
});
const sentDirectory = (plan: SagaPlan, { target }: Saga) => ({
  ...project(plan),
  peer: target,
  source_dir: plan.deployment.source_dir,
});
/** Sends changes only once: if the two sides still differ, the directory is sent whole. */
const projectChanges = ({ blocks, content_digest }: SagaPlan, saga: Saga) =>
  warmsProject(saga) && !saga.results.send_project
    ? { blocks, contents: saga.verify === 'content', content_digest }
    : null;
const projectLane = (directory: string, saga: Saga) =>
  warmsProject(saga) ? { lane: `${warmProjectLane}${ofRound(roundOf(saga))}`, directory } : null;
const contentsAhead = ({ content_digest }: SagaPlan, { verify }: Saga) =>
  verify === 'content' ? content_digest : null;
/** Never shorter than the Compose file's own healthchecks need, whatever timeout was requested. */
export const healthTimeoutOf = ({ health_timeout_s, plan }: Saga): number =>
  Math.max(health_timeout_s, plan?.health_wait_s ?? 0);
/** Seconds that a start may wait for healthchecks: services may be started only once others are healthy. */
export const startWaitOf = ({ plan }: Saga): number => plan?.start_wait_s ?? 0;
const copyRan = ({ window }: Saga) => ({ copy_ran: window?.copy_ran ?? false });
/** Hosts end it by themselves after the window: with it the control plane asks who still comes, and ends it. */
const passedOn = (plan: SagaPlan, { window, window_ms }: Saga) => ({
  ...project(plan),
  ports: plan.forwarded_ports,
  until_ms: window ? window.ends_at + (window_ms > 0 ? limits.forward.overtimeMs : 0) : 0,
});
const health = (deployment: Deployment, saga: Saga) => ({
  deployment,
  timeout_s: healthTimeoutOf(saga),
  settle_ms: limits.health.settleMs,
});

const payloads: { [K in CommandKind]: (plan: SagaPlan, saga: Saga) => CommandPayload<K> } = {
  prepare_source: (plan, { exclude }) => ({
    ...project(plan),
    source_dir: plan.deployment.source_dir,
    volumes: volumeNames(plan),
    binds: bindPaths(plan),
    exclude,
  }),
  // What does not hold is stopped as it is by then: nobody was asked about it.
  stop_stack: (plan, saga) => ({
    ...project(plan),
    expected: saga.held ? (saga.results.pass_source?.containers ?? []).map(({ id }) => id) : [],
    early: earlyOf(saga),
  }),
  send_logins: (plan, { target }) => ({
    ...project(plan),
    peer: target,
    references: plan.private_images.map(({ reference }) => reference),
  }),
  pull_images: (plan, { source }) => ({ ...project(plan), peer: source, images: plan.private_images }),
  send_images: (plan, { target }) => ({ ...project(plan), peer: target, images: plan.shipped }),
  receive_images: (plan, { source }) => ({ ...project(plan), peer: source, images: plan.shipped }),
  warm_source: (plan, saga) => ({
    ...project(plan),
    peer: saga.target,
    items: warmLanesOf(plan, 'source'),
    blocks: plan.blocks,
    source_dir: plan.staged ? null : plan.deployment.source_dir,
    contents: contentsAhead(plan, saga),
  }),
  pass_source: (plan, saga) => ({
    ...project(plan),
    peer: saga.target,
    items: warmLanesOf(plan, 'source', roundOf(saga)),
    blocks: plan.blocks,
    project_lane: projectLane(plan.deployment.source_dir, saga),
    contents: contentsAhead(plan, saga),
  }),
  stage_source: sentDirectory,
  send_volumes: (plan, saga) => ({
    ...carried(plan, 'source', saga),
    peer: saga.target,
    blocks: plan.blocks,
    staged_dir: stagedDir(saga, plan.deployment.source_dir),
  }),
  send_project: (plan, saga) => ({ ...sentDirectory(plan, saga), changes: projectChanges(plan, saga) }),
  restore_source: (plan) => ({ ...project(plan), deployment: atHome(plan) }),
  retain_source: project,
  prepare_target: ({ deployment, volumes, binds, networks, option_volumes, images }, { source }) => ({
    deployment,
    peer: source,
    volumes,
    binds: binds.map(({ place }) => place),
    networks,
    option_volumes,
    images,
  }),
  warm_target: (plan, saga) => ({
    ...project(plan),
    peer: saga.source,
    items: warmLanesOf(plan, 'target'),
    target_dir: plan.staged ? null : plan.deployment.target_dir,
    contents: contentsAhead(plan, saga),
  }),
  pass_target: (plan, saga) => ({
    ...project(plan),
    peer: saga.source,
    items: warmLanesOf(plan, 'target', roundOf(saga)),
    project_lane: projectLane(plan.deployment.target_dir, saga),
    contents: contentsAhead(plan, saga),
  }),
  stage_target: ({ deployment }, { source }) => ({ deployment, peer: source }),
  expect_source: (plan, saga) => ({ ...project(plan), peer: saga.source, lanes: earlyLanes(saga) }),
  receive_volumes: (plan, saga) => ({
    ...carried(plan, 'target', saga),
    peer: saga.source,
    staged_dir: stagedDir(saga, plan.deployment.target_dir),
  }),
  receive_project: (plan, saga) => ({
    ...project(plan),
    peer: saga.source,
    target_dir: plan.deployment.target_dir,
    changes: projectChanges(plan, saga),
  }),
  deploy: ({ deployment }) => ({ deployment }),
  verify_health: ({ deployment }, saga) => health(deployment, saga),
  arm_target: ({ deployment }) => ({ deployment }),
  stop_target: project,
  cleanup_target: project,
  check_retained: retained,
  revive_source: (plan) => ({ deployment: atHome(plan) }),
  verify_source: (plan, saga) => health(atHome(plan), saga),
  arm_source: (plan) => ({ deployment: atHome(plan) }),
  stop_source: project,
  purge_source: (plan, saga) => ({ ...retained(plan), ...copyRan(saga) }),
  hold_connections: (plan) => ({ ...project(plan), ports: plan.forwarded_ports }),
  forward_connections: (plan, saga) => ({
    ...passedOn(plan, saga),
    peer: saga.target,
    proxied: saga.forwarding?.proxied ?? [],
  }),
  release_connections: project,
  end_forwarding: project,
  receive_connections: (plan, saga) => ({ ...passedOn(plan, saga), peer: saga.source }),
  end_receiving: project,
  point_names: (plan, { cutover_dns }) => ({ ...project(plan), names: cutover_dns.map(partsOf) }),
  point_names_back: project,
  halt_target: project,
  resume_target: project,
  purge_target: (plan, saga) => ({ ...project(plan), ...copyRan(saga) }),
  tell_source: () => ({}),
  tell_target: () => ({}),
};

function planOf(saga: Saga): SagaPlan {
  if (!saga.plan) throw new Error(`migration ${saga.id} has no plan before its pre-flight has passed`);
  return saga.plan;
}
