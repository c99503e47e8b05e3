import type { FoundName } from '../../../schema/cutover-names.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import type { HostFacts } from '../../../schema/host-facts.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import type { PreflightFacts } from '../../../worker/saga/preflight/preflight-facts.ts';
import { plainService } from '../../support/plain-service.ts';
import { plan } from '../story.ts';

/** What agents answer when everything is well: the stack `shop` of the saga's stories. */

const gib = 2 ** 30;

export const foundName: FoundName = {
  ...{ name: 'shop.example.com', ttl_s: 300, addresses: ['192.0.2.10'], proxied: false, fault: null },
};

export const hostFacts = (): HostFacts => ({
  now_ms: Date.now(),
  agent_version: '0.1.0',
  engine: {
    kind: 'docker',
    version: '26.1.0',
    api_version: '1.45',
    compose_version: '2.26.1',
    os: 'linux',
    arch: 'amd64',
    userns_remap: false,
    rootless: false,
    selinux: false,
    default_runtime: 'runc',
    pre_copy: 'blocks',
    holds: true,
    content_digest: 'gmac',
  },
  resources: {
    memory: { total_bytes: 8 * gib, used_bytes: gib, free_bytes: 7 * gib },
    disk: { path: '/var/lib/docker', total_bytes: 100 * gib, used_bytes: 10 * gib, free_bytes: 90 * gib },
    cpu: { cores: 4, load_1m: 0.1 },
  },
  image_disk: null,
  forwarding: { ok: true, detail: 'iptables-nft', ipv6: null },
  names: { token: true, addresses: ['192.0.2.20'], found: [foundName] },
  helper: { image: 'debian:slim', ready: true, detail: '' },
  relays: [],
});

const image = {
  reference: 'nginx:1',
  image_id: 'sha256:1',
  repo_digests: [],
  layers: [],
  os: 'linux',
  arch: 'amd64',
  size_bytes: 1,
};

export const stackFacts: StackFacts = {
  project: 'shop',
  names_itself: true,
  working_dir: '/srv/shop',
  config_files: ['compose.yaml'],
  env_files: [],
  services: plan.deployment.services.map((name) => ({
    ...plainService(name, image),
    ports: name === 'web' ? [{ host_ip: '', port: 8080, protocol: 'tcp' as const }] : [],
  })),
  volumes: plan.volumes,
  anonymous_volumes: [],
  networks: [],
  joined_networks: [],
  other_files: [],
  managers: [],
  fixed_names: [],
  bind_mounts: [],
  bind_trees: [],
  override_name: 'compose.override.yaml',
  data: { nested_mounts: [], immutable: [], unseen: [], writers: [] },
  project_files: { size_bytes: 100, outside: [], absolute_links: [], exclusion: { left: [], needed: [] } },
  remote_includes: [],
  orphans: [],
  environment: {},
  unknown_variables: [],
  drift: { current: true, detail: '', services: [], as_written: { stays: [], obstacles: [] } },
  written_layers: [],
  compose_errors: [],
  usage: { memory_bytes: gib, disk_bytes: gib },
};

export const targetFacts: TargetFacts = {
  project_path: '/srv/shop',
  images: [{ reference: 'nginx:1', state: 'present', detail: '', layers_present: 0 }],
  ports_taken: [],
  addresses_absent: [],
  network_obstacles: [],
  project_resources: [],
  names_taken: [],
  volumes_taken: [],
  path: { free: true, detail: '', free_bytes: 50 * gib },
  networks_absent: [],
  attaches_anonymous: true,
  network_differences: [],
  registry_logins: true,
  option_volumes: true,
  joined_absent: [],
  external_volumes_absent: [],
  devices_absent: [],
  powers_refused: [],
  allow_line: null,
  permissions_fault: null,
  keys_refused: [],
  bind_mounts: [],
  bind_places: [],
  compose_compatible: { ok: true, detail: '' },
};

/** All but what hosts are asked: one relay, and nothing else under way. */
export const wellRest = (
  now: number,
  mode: PreflightFacts['inputs']['mode'],
): Omit<PreflightFacts, 'source' | 'target' | 'stack' | 'fit' | 'logins'> => ({
  inputs: {
    stack_id: 'stack_1',
    source_host_id: 'host_a',
    target_host_id: 'host_b',
    sizing: 'host',
    mode,
    accept_unmoved: false,
    accept_drift: false,
    forward: false,
    hold: false,
    cutover_dns: [],
    proxy_protocol: [],
    binds: [],
    env: [],
    exclude: [],
    with_external: false,
    with_registry_auth: false,
  },
  now,
  relays: [{ id: 'relay_1', host: '192.0.2.1', port: 22067 }],
  names: { source: 'old', target: 'new' },
  running_migration: null,
  cordoned: false,
  kept: null,
  reserved: { memory_bytes: 0, disk_bytes: 0 },
  measured_rate: null,
  measured_stop_start_s: null,
  bandwidth_limit: null,
});
