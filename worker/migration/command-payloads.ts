import {
  type CommandKind,
  type CommandPayload,
  type Deployment,
  warmProjectLane,
} from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Saga, SagaPlan } from '../../schema/saga.ts';

/** Which host a command is for. */
export function hostOf(saga: Saga, kind: CommandKind): string {
  return sourceKinds.has(kind) ? saga.source : saga.target;
}

const sourceKinds: ReadonlySet<CommandKind> = new Set<CommandKind>([
  'prepare_source',
  'send_images',
  'warm_source',
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
]);

/** A command's payload, from the plan that the pre-flight made. */
export function payloadOf<K extends CommandKind>(saga: Saga, kind: K): CommandPayload<K> {
  return payloads[kind](planOf(saga), saga) as CommandPayload<K>;
}

const project = ({ deployment }: SagaPlan) => ({ project: deployment.project });
const volumeNames = ({ volumes }: SagaPlan) => volumes.map(({ name }) => name);

/** Each volume goes in a lane of its own; one that is sent again, as a whole, in another. */
export const lanesOf = ({ volumes }: SagaPlan, sentWhole: string[] = []) =>
  volumes.flatMap(({ name }, index) => {
    if (sentWhole.length === 0) return [{ lane: `v${index}`, volume: name }];
    return sentWhole.includes(name) ? [{ lane: `v${index}.whole`, volume: name }] : [];
  });

/** And one of its own for the passes while the stack runs. */
export const warmLanesOf = ({ volumes }: SagaPlan) =>
  volumes.map(({ name }, index) => ({ lane: `w${index}`, volume: name }));

export const warmsProject = ({ results }: Saga): boolean =>
  (results.warm_source?.passages ?? []).some(({ lane }) => lane === warmProjectLane);

/** The deployment as it was where the stack came from. */
const atHome = ({ deployment }: SagaPlan): Deployment => ({ ...deployment, target_dir: deployment.source_dir });
const retained = (plan: SagaPlan) => ({
  deployment: atHome(plan),
  volumes: plan.volumes.filter(({ external }) => !external).map(({ name }) => name),
});
const carried = (plan: SagaPlan, { mode, verify, sent_whole }: Saga) => ({
  ...project(plan),
  items: lanesOf(plan, sent_whole),
  changes: mode === 'pre-copy' && sent_whole.length === 0,
  contents: verify === 'content',
});
const sentDirectory = (plan: SagaPlan, { target }: Saga) => ({
  ...project(plan),
  peer: target,
  source_dir: plan.deployment.source_dir,
});
/** Once: where the two sides then differ, the directory goes whole. */
const projectChanges = ({ blocks }: SagaPlan, saga: Saga) =>
  warmsProject(saga) && !saga.results.send_project ? { blocks, contents: saga.verify === 'content' } : null;
/** The file's healthchecks are waited for, however short the time that was asked for. */
export const healthTimeoutOf = ({ health_timeout_s, plan }: Saga): number =>
  Math.max(health_timeout_s, plan?.health_wait_s ?? 0);
const health = (deployment: Deployment, saga: Saga) => ({
  deployment,
  timeout_s: healthTimeoutOf(saga),
  settle_ms: limits.health.settleMs,
});

const payloads: { [K in CommandKind]: (plan: SagaPlan, saga: Saga) => CommandPayload<K> } = {
  prepare_source: (plan) => ({
    ...project(plan),
    source_dir: plan.deployment.source_dir,
    volumes: volumeNames(plan),
  }),
  stop_stack: project,
  send_images: (plan, { target }) => ({ ...project(plan), peer: target, images: plan.shipped }),
  receive_images: (plan, { source }) => ({ ...project(plan), peer: source, images: plan.shipped }),
  warm_source: (plan, { target }) => ({
    ...project(plan),
    peer: target,
    items: warmLanesOf(plan),
    blocks: plan.blocks,
    source_dir: plan.staged ? null : plan.deployment.source_dir,
  }),
  stage_source: sentDirectory,
  send_volumes: (plan, saga) => ({
    ...carried(plan, saga),
    peer: saga.target,
    blocks: plan.blocks,
    // A volume that is made anew takes the containers with it that were made to use it.
    staged_dir: saga.results.stage_target && saga.sent_whole.length === 0 ? plan.deployment.source_dir : null,
  }),
  send_project: (plan, saga) => ({ ...sentDirectory(plan, saga), changes: projectChanges(plan, saga) }),
  restore_source: (plan) => ({ ...project(plan), deployment: atHome(plan) }),
  retain_source: project,
  prepare_target: ({ deployment, volumes, images }) => ({ deployment, volumes, images }),
  warm_target: (plan, { source }) => ({
    ...project(plan),
    peer: source,
    items: warmLanesOf(plan),
    target_dir: plan.staged ? null : plan.deployment.target_dir,
  }),
  stage_target: ({ deployment }, { source }) => ({ deployment, peer: source }),
  receive_volumes: (plan, saga) => ({ ...carried(plan, saga), peer: saga.source }),
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
  purge_source: retained,
  halt_target: project,
  resume_target: project,
  purge_target: project,
};

function planOf(saga: Saga): SagaPlan {
  if (!saga.plan) throw new Error(`migration ${saga.id} has no plan before its pre-flight has passed`);
  return saga.plan;
}
