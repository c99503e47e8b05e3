import type { Field } from './compared.ts';
import type { MadeContainer } from './made-from.ts';
import { flag, listOf, recordOf, sizeOf, sortedEntries, textOf } from './values.ts';

/** Compares a setting only where the file has it, because the Engine has values of its own for it. */
const ifWritten =
  (key: string, read: (value: unknown) => unknown, made: (container: MadeContainer) => unknown): Field =>
  ({ service, container }) =>
    service[key] == null ? [null, null] : [read(service[key]), made(container)];

/** By attribute of the file, beside those of `fields.ts`. */
export const fieldsIfWritten: Record<string, Field> = {
  domainname: ifWritten('domainname', textOf, ({ Config }) => Config.Domainname),
  cpu_shares: ifWritten('cpu_shares', Number, ({ HostConfig }) => HostConfig.CpuShares),
  cpu_period: ifWritten('cpu_period', Number, ({ HostConfig }) => HostConfig.CpuPeriod),
  cpu_quota: ifWritten('cpu_quota', Number, ({ HostConfig }) => HostConfig.CpuQuota),
  cpuset: ifWritten('cpuset', textOf, ({ HostConfig }) => HostConfig.CpusetCpus),
  mem_reservation: ifWritten('mem_reservation', sizeOf, ({ HostConfig }) => HostConfig.MemoryReservation),
  memswap_limit: ifWritten('memswap_limit', sizeOf, ({ HostConfig }) => HostConfig.MemorySwap),
  mem_swappiness: ifWritten('mem_swappiness', sizeOf, ({ HostConfig }) => HostConfig.MemorySwappiness),
  oom_score_adj: ifWritten('oom_score_adj', Number, ({ HostConfig }) => HostConfig.OomScoreAdj),
  oom_kill_disable: ifWritten('oom_kill_disable', flag, ({ HostConfig }) => flag(HostConfig.OomKillDisable)),
  dns_opt: ifWritten('dns_opt', listOf, ({ HostConfig }) => HostConfig.DnsOptions),
  device_cgroup_rules: ifWritten('device_cgroup_rules', listOf, ({ HostConfig }) => HostConfig.DeviceCgroupRules),
  runtime: ifWritten('runtime', textOf, ({ HostConfig }) => HostConfig.Runtime),
  cgroup_parent: ifWritten('cgroup_parent', textOf, ({ HostConfig }) => HostConfig.CgroupParent),
  cgroup: ifWritten('cgroup', textOf, ({ HostConfig }) => HostConfig.CgroupnsMode),
  storage_opt: ifWritten(
    'storage_opt',
    (value) => sortedEntries(recordOf(value)).map(String),
    ({ HostConfig }) => sortedEntries(HostConfig.StorageOpt).map(String),
  ),
};
