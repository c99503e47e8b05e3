import type { CommandKind, CommandPayload, Deployment } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Saga, SagaPlan } from '../../schema/saga.ts';

/** Which host a command is for. */
export function hostOf(saga: Saga, kind: CommandKind): string {
  return sourceKinds.has(kind) ? saga.source : saga.target;
}

const sourceKinds: ReadonlySet<CommandKind> = new Set<CommandKind>([
  'prepare_source',
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

/** Each volume goes in a lane of its own. */
export const lanesOf = ({ volumes }: SagaPlan) =>
  volumes.map(({ name }, index) => ({ lane: `v${index}`, volume: name }));

/** The deployment as it was where the stack came from. */
const atHome = ({ deployment }: SagaPlan): Deployment => ({ ...deployment, target_dir: deployment.source_dir });
const retained = (plan: SagaPlan) => ({
  deployment: atHome(plan),
  volumes: plan.volumes.filter(({ external }) => !external).map(({ name }) => name),
});
const health = (deployment: Deployment, { health_timeout_s }: Saga) => ({
  deployment,
  timeout_s: health_timeout_s,
  settle_ms: limits.health.settleMs,
});

const payloads: { [K in CommandKind]: (plan: SagaPlan, saga: Saga) => CommandPayload<K> } = {
  prepare_source: (plan) => ({ ...project(plan), volumes: volumeNames(plan) }),
  stop_stack: project,
  send_volumes: (plan, { target }) => ({ ...project(plan), peer: target, items: lanesOf(plan) }),
  send_project: (plan, { target }) => ({
    ...project(plan),
    peer: target,
    source_dir: plan.deployment.source_dir,
  }),
  restore_source: project,
  retain_source: project,
  prepare_target: ({ deployment, volumes, images }) => ({ deployment, volumes, images }),
  receive_volumes: (plan, { source }) => ({ ...project(plan), peer: source, items: lanesOf(plan) }),
  receive_project: (plan, { source }) => ({
    ...project(plan),
    peer: source,
    target_dir: plan.deployment.target_dir,
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
