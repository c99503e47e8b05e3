/** Examples by component name. `openapi-lint.test.ts` validates each against its schema. */
const hostA = 'host_01m84szym4tvg03p2mz6y2f9wb';
const hostB = 'host_01m84t0q7kx1c5d9e2hr8nvw3a';
const stack = { id: 'stack_01m84t2r3jfa6b9ckt4mzp7xqe', name: 'shop' };
const migration = 'mig_01m84v9c5dq2ek8rhbn3wytz6f';
const token = 'tok_01m84sx2vnb7cp5d4gk9qhrw8e';
const webhook = 'whk_01m84w1h8sxd3m6p5vb2tqyrnc';
const at = '2026-11-24T09:30:00.000Z';
const later = '2026-11-24T09:31:42.000Z';

const program = '9f2c1e0b7d64a5830c11f7be52d9a6483e7b0d15c2f8496ab03e5d7714c9a2f6';
const createdBy = { id: hostA, name: 'rack-1', created_at: at };
const pending = {
  status: 'pending',
  joined_at: null,
  seen_at: null,
  agent_version: null,
  connected_from: null,
  certificate_ends_at: null,
};
const online = {
  status: 'online',
  joined_at: at,
  seen_at: later,
  agent_version: '0.2.0',
  connected_from: '203.0.113.7',
  certificate_ends_at: later,
};

const request = { target_host_id: hostB, sizing: 'stack', mode: 'stop-copy' };
const inputs = {
  ...{ stack_id: stack.id, source_host_id: hostA, target_host_id: hostB },
  ...{ sizing: 'stack', mode: 'stop-copy', accept_unmoved: false },
};
const report = {
  passed: true,
  checks: [
    {
      ...{ name: 'target_disk', status: 'pass', detail: 'The target has 80.5 GB free; 2.4 GB are needed.' },
      measured: { free_bytes: 80_500_000_000, needed_bytes: 2_400_000_000 },
      lifted_by: [],
    },
  ],
  notes: ['web mounts /etc/localtime of its host; it does not move, and is there on the target.'],
  plan: {
    items: [
      { kind: 'volume', name: 'shop_data', size_bytes: 2_147_483_648 },
      { kind: 'project', name: '/srv/shop', size_bytes: 18_211 },
    ],
    ...{ total_bytes: 2_147_501_859, total_is_lower_bound: false, assumed_rate: 104_857_600, rate_measured: false },
    expected: [{ mode: 'stop-copy', transfer_s: 21, downtime_s: 36 }],
    ports: [{ service: 'web', port: 8080, protocol: 'tcp' }],
    address_change: { from_host: 'rack-1', to_host: 'rack-2' },
    unmoved_layers: [],
  },
  needs: { memory_bytes: 644_245_094, disk_bytes: 2_400_000_000 },
  inputs,
  made_at: 1_795_512_600_000,
};
const endpoint = {
  ...{ kind: 'standard', email: null },
  ...{ id: webhook, url: 'https://hooks.example.net/stackferry', events: ['migration.failed'], migration_id: null },
  ...{ status: 'enabled', disabled_why: null, disabled_at: null, created_at: at, secret_before_until: null },
};
const view = { id: token, name: 'deploy', scopes: ['read', 'migrate'], status: 'active', created_at: at };

export const examples: Record<string, unknown> = {
  SealedAuthority: { sealed: 'bm90IHRoZSBrZXlzIG9mIGFueWJvZHk=' },
  CreateNode: { name: 'rack-1' },
  CreatedNode: {
    ...{ ...createdBy, ...pending, warnings: [] },
    ...{ join_token: 'sfj_…', join_token_expires_at: '2026-11-25T09:30:00.000Z' },
  },
  Host: {
    ...{ ...createdBy, ...online, warnings: [], cordoned_at: null, program_sha256: program },
    resources: {
      memory: { total_bytes: 16_777_216_000, used_bytes: 6_442_450_944, free_bytes: 10_334_765_056 },
      disk: { path: '/var/lib/docker', total_bytes: 2e11, used_bytes: 1.195e11, free_bytes: 8.05e10 },
      cpu: { cores: 8, load_1m: 0.7 },
    },
  },
  Upgrade: { version: '0.2.0', program_sha256: program },
  Relay: {
    ...{ ...createdBy, ...online, warnings: [] },
    ...{ id: 'relay_01m84szc2wr8v5n1kd7xgqy4tb', name: 'relay-1', address: { host: '203.0.113.7', port: 8788 } },
  },
  Stack: {
    ...{ ...stack, host_id: hostA, host_name: 'rack-1', host_online: true, seen_at: later, active_migration_id: null },
    ...{ active_migration_status: null, moved_at: at, data_bytes: 2_147_501_859 },
    summary: {
      ...{ project: 'shop', working_dir: '/srv/shop', config_files: ['/srv/shop/compose.yaml'], running: true },
      services: [{ name: 'web', image: 'nginx:1.29', running: 1, total: 1 }],
      ...{ volumes: ['shop_data'], ports: [{ host_ip: '0.0.0.0', port: 8080, protocol: 'tcp' }], bind_mounts: [] },
    },
  },
  PreflightRequest: request,
  PreflightReport: report,
  MigrateRequest: { ...request, callback_url: 'https://ci.example.net/moved' },
  Migration: {
    bandwidth_limit: null,
    ...{ id: migration, stack, source_host_id: hostA, target_host_id: hostB, sizing: 'stack', mode: 'stop-copy' },
    ...{ verify: 'manifest', status: 'transferring' },
    steps: [
      { name: 'stopping', status: 'done', started_at: at, ended_at: at },
      { name: 'transferring', status: 'running', started_at: at, ended_at: null },
    ],
    progress: {
      ...{ current: 'shop_data', bytes_done: 1e9, bytes_total: 2_147_501_859, rate: 1.1e8, seconds_left: 11 },
      items: [{ item: 'shop_data', bytes_done: 1e9, bytes_total: 2_147_483_648 }],
    },
    ...{ report, failure: null, owed: [], attention: null, window: null, rollback: null },
    ...{ created_at: at, updated_at: later, ended_at: null },
  },
  ChangeMigration: { bandwidth_limit: 20_000_000 },
  CutoverRequest: { at: '2026-12-01T03:00:00+01:00' },
  RetryRequest: { stopped: false },
  ResolveRequest: { resolution: 'source_lost' },
  DrainRequest: {
    ...{ dry_run: true, max_parallel: 2 },
    per_stack: { shop: { target_host_id: hostB, with_external: true, binds: ['/srv/media'] }, blog: { leave: true } },
  },
  AbortRequest: { cancel_running: false },
  CreateToken: { name: 'deploy', scopes: ['read', 'migrate'], expires_in_s: 2_592_000 },
  Token: { ...view, expires_at: null, revoked_at: null, last_used_at: later },
  CreatedToken: { ...view, expires_at: null, revoked_at: null, last_used_at: null, token: 'sfy_…' },
  AuditEntry: {
    ...{ id: 812, at, request_id: '0f7d9a3e-2b67-4a0e-8a53-6a3c9f1f7b10', act: 'POST /api/v1/stacks/{name}/migrate' },
    ...{ actor: { kind: 'token', id: token, name: 'deploy' }, objects: { name: 'shop', created: migration } },
    ...{ status: 202, code: null, address: '198.51.100.23' },
  },
  CreateWebhook: { url: endpoint.url, events: endpoint.events },
  ChangeWebhook: { disabled: false },
  RotateWebhook: { overlap_s: 86_400 },
  Webhook: endpoint,
  WebhookWithSecret: { ...endpoint, secret: 'whsec_…' },
  CallbackSecret: { secret: 'whsec_…' },
  Delivery: {
    ...{ event_id: 'evt_01m84vfh1kz9w3b6rx8ptcd5qn', type: 'migration.failed', subject_id: migration, event_at: at },
    ...{ status: 'pending', attempts: 2, next_attempt_at: later, ended_at: null },
    last: { at, took_ms: 180, answer_status: 503, error: null, answer: 'Service unavailable' },
  },
  Replayed: { replayed: 3 },
};
