import type { ComposeModel, FileModel, ServiceModel } from './model.ts';

/**
 * Whether starting the created containers, dependencies first, is all that `docker compose start` would do. Compose also
 * waits for conditions, runs hooks and providers, and from 2.36 on copies `content` and `environment` of configs and
 * secrets into each container right before its start. An attribute that we don't know may be such work too.
 */
export function startsPlainly(model: ComposeModel): boolean {
  return isWholeOnceCreated(model) && Object.values(model.services).every(waitsForNone);
}

/** The same but for conditions: those are met in a stack that ran before. */
export function isWholeOnceCreated({ services, configs, secrets }: ComposeModel): boolean {
  const files = [...Object.values(configs), ...Object.values(secrets)];
  return Object.values(services).every(isDoneAtCreation) && files.every(isMounted);
}

const started = 'service_started';

const waitsForNone = ({ depends_on = {} }: ServiceModel) =>
  Object.values(depends_on).every(({ condition = started }) => condition === started);

const isDoneAtCreation = ({ keys }: ServiceModel) =>
  keys.every((key) => key.startsWith('x-') || doneAtCreation.has(key));

const isMounted = (file: FileModel | null) =>
  (file?.keys ?? []).every((key) => ['name', 'file', 'external', 'labels'].includes(key) || key.startsWith('x-'));

/** Attributes of a service that a created container has, or that mean nothing to its start. */
const doneAtCreation: ReadonlySet<string> = new Set([
  ...['annotations', 'attach', 'blkio_config', 'build', 'cap_add', 'cap_drop', 'cgroup', 'cgroup_parent', 'command'],
  ...['configs', 'container_name', 'cpu_count', 'cpu_percent', 'cpu_period', 'cpu_quota', 'cpu_rt_period'],
  ...['cpu_rt_runtime', 'cpu_shares', 'cpus', 'cpuset', 'credential_spec', 'depends_on', 'deploy', 'develop'],
  ...['device_cgroup_rules', 'devices', 'dns', 'dns_opt', 'dns_search', 'domainname', 'entrypoint', 'env_file'],
  ...[
    'environment',
    'expose',
    'external_links',
    'extra_hosts',
    'gpus',
    'group_add',
    'healthcheck',
    'hostname',
    'image',
  ],
  ...['init', 'ipc', 'isolation', 'label_file', 'labels', 'links', 'logging', 'mac_address', 'mem_limit'],
  ...['mem_reservation', 'mem_swappiness', 'memswap_limit', 'network_mode', 'networks', 'oom_kill_disable'],
  ...['oom_score_adj', 'pid', 'pids_limit', 'platform', 'ports', 'pre_stop', 'privileged', 'profiles', 'pull_policy'],
  ...['pull_refresh_after', 'read_only', 'restart', 'runtime', 'scale', 'secrets', 'security_opt', 'shm_size'],
  ...['stdin_open', 'stop_grace_period', 'stop_signal', 'storage_opt', 'sysctls', 'tmpfs', 'tty', 'ulimits', 'user'],
  ...['userns_mode', 'uts', 'volumes', 'volumes_from', 'working_dir'],
]);
