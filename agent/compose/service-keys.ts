import type { ServiceModel } from './model.ts';

/** `x-…`: for people, not for Compose. */
export const isExtension = (key: string): boolean => key.startsWith('x-');

/** Service attributes that are fixed in a created container, or irrelevant to its start. */
export const doneAtCreation: ReadonlySet<string> = new Set([
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

/** Attributes that the policy knows how to judge. */
const judged: ReadonlySet<string> = new Set([
  ...doneAtCreation,
  ...['extends', 'post_start', 'provider', 'use_api_socket'],
]);

/**
 * Attributes of a service that this agent can't judge: they may give what no policy here allows, so the next Compose
 * opens no hole. `allowed`: those that the host's owner lets in all the same.
 */
export const unknownKeys = ({ keys }: Pick<ServiceModel, 'keys'>, allowed: readonly string[]): string[] =>
  keys.filter((key) => !isExtension(key) && !judged.has(key) && !allowed.includes(key));
