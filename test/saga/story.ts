import type { CommandKind } from '../../schema/commands.ts';
import type { Status } from '../../schema/migration-status.ts';
import type { Saga, SagaCommand, SagaPlan } from '../../schema/saga.ts';
import { advance } from '../../worker/saga/migration/advance.ts';
import type { SagaEvent } from '../../worker/saga/migration/events.ts';
import { newSaga, type StartInput } from '../../worker/saga/migration/start.ts';
import { homeAfter } from '../../worker/saga/migration/terminal.ts';
import type { MigrationEvent } from '../../worker/saga/migration/transition.ts';

/** A saga driven by hand: answers are given by kind, time by the test. */

export const plan: SagaPlan = {
  deployment: {
    project: 'shop',
    source_dir: '/srv/shop',
    target_dir: '/srv/shop',
    config_files: ['compose.yaml'],
    env_files: [],
    override: null,
    anonymous: [],
    drifted: [],
    services: ['db', 'web'],
    one_shots: [],
    before: [],
  },
  binds: [],
  networks: [],
  option_volumes: [],
  volumes: ['shop_data', 'shop_cache'].map((name) => ({
    name,
    driver: 'local',
    options: {},
    labels: {},
    external: false,
    size_bytes: 10,
    also_used_by: [],
  })),
  images: [],
  private_images: [],
  shipped: [],
  blocks: true,
  content_digest: 'gmac',
  staged: true,
  forwarded_ports: [{ host_ip: '', port: 8080, protocol: 'tcp' }],
  relay_paths: [],
  last_pass: true,
  health_wait_s: 0,
  start_wait_s: 0,
};

const proof = (lane: string) => ({ lane, bytes: 10, sha256: `s-${lane}`, manifest_sha256: `m-${lane}`, entries: 3 });
const staged = proof('staged');
const proofs = { proofs: [proof('v0'), proof('v1')] };
const passages = [proof('w0'), proof('w1')].map(({ lane, bytes, sha256 }) => ({ lane, bytes, sha256 }));

/** What passes in a round after the first one. */
export function roundOf(round: number) {
  return passages.map(({ lane, ...passage }) => ({ ...passage, lane: `${lane}.${round}` }));
}
const passesOf = (bytes: number) => [{ volume: 'shop_data', bytes: [bytes], ms: [10] }];

const pointed = (from: string, to: string) => ({
  ...{ name: 'shop.example.com', type: 'A', from, to, left: null, failed: null },
});

/** The answer that lets the saga go on. */
export const goodAnswers: { [K in CommandKind]: unknown } = {
  prepare_source: { sizes: [{ volume: 'shop_data', bytes: 10 }] },
  prepare_target: { volumes: ['shop_data'] },
  send_logins: {},
  pull_images: {},
  send_images: { passage: passages[0] },
  receive_images: { passage: passages[0] },
  warm_source: { passages, passes: [] },
  warm_target: { passages },
  pass_source: { passages: roundOf(1), passes: passesOf(1), ms: 1_400, containers: [] },
  pass_target: { passages: roundOf(1) },
  stage_source: { passage: staged },
  stage_target: { proof: staged },
  stop_stack: { prior: [], killed: [] },
  send_volumes: { ...proofs, staged: { sha256: staged.manifest_sha256, entries: staged.entries } },
  expect_source: {},
  receive_volumes: proofs,
  send_project: { proof: proof('project') },
  receive_project: { proof: proof('project') },
  deploy: { containers: [] },
  verify_health: { services: [], lease_until: null },
  arm_target: { running: [] },
  retain_source: {},
  stop_target: {},
  restore_source: { running: [] },
  cleanup_target: { removed: [], remaining: [] },
  check_retained: {},
  halt_target: { prior: [], killed: [] },
  revive_source: { containers: [] },
  verify_source: { services: [], lease_until: null },
  arm_source: { running: [] },
  stop_source: {},
  hold_connections: {},
  forward_connections: {},
  release_connections: {},
  end_forwarding: {},
  receive_connections: {},
  end_receiving: {},
  point_names: { records: [pointed('192.0.2.10', '192.0.2.20')] },
  point_names_back: { records: [pointed('192.0.2.20', '192.0.2.10')] },
  resume_target: { running: [] },
  purge_source: { removed: [], remaining: [] },
  purge_target: { removed: [], remaining: [] },
  tell_source: { phase: 'stopped' },
  tell_target: { phase: 'leased', running: true },
};

export interface Story {
  saga: Saga;
  now: number;
  /** By when the latest transition must be written. */
  commitBy: number | null;
  /** Every command ever issued, in order. */
  sent: SagaCommand[];
  /** What the timeline was told, in order. */
  events: MigrationEvent[];
  /** The host the stack lives on. */
  home: string;
  /** Whether the event changed anything. */
  feed(event: SagaEvent): boolean;
  /** Answers the awaited command of this kind well. */
  answer(kind: CommandKind, data?: unknown): boolean;
  refuse(kind: CommandKind): boolean;
  pass(ms: number): void;
}

/** A round passes in lanes of its own. */
function answerTo(kind: CommandKind, { held, last_passes }: Saga): unknown {
  const good = goodAnswers[kind] as object;
  if (kind !== 'pass_source' && kind !== 'pass_target') return good;
  return { ...good, passages: roundOf(held?.rounds ?? last_passes) };
}

export const failure = { code: 'command_failed' as const, message: 'it broke', log_tail: [] };

export function newStory(
  options: Partial<Pick<StartInput, 'mode' | 'verify' | 'forward' | 'hold' | 'cut_over_at' | 'cutover_dns'>> = {},
): Story {
  const story: Story = {
    saga: newSaga('mig_1', { ...startInput, ...options }, 0),
    now: 0,
    commitBy: null,
    sent: [],
    events: [],
    home: startInput.source_host_id,
    feed(event) {
      const before = structuredClone(story.saga);
      const next = advance(story.saga, event, story.now);
      if (JSON.stringify(story.saga) !== JSON.stringify(before)) throw new Error('advance() changed its input');
      if (!next) return false;
      story.home = homeAfter(story.saga.status, next.saga) ?? story.home;
      story.saga = next.saga;
      story.commitBy = next.commit_by;
      story.sent.push(...next.commands);
      story.events.push(...next.events);
      return true;
    },
    answer(kind, data = answerTo(kind, story.saga)) {
      return story.feed({ type: 'command_done', command_id: idOf(story.saga, kind), data });
    },
    refuse(kind) {
      return story.feed({ type: 'command_failed', command_id: idOf(story.saga, kind), failure });
    },
    pass(ms) {
      story.now += ms;
      story.feed({ type: 'overdue' });
    },
  };
  return story;
}

export const startInput = {
  stack_id: 'stack_1',
  stack_name: 'shop',
  source_host_id: 'host_a',
  target_host_id: 'host_b',
  mode: 'stop-copy' as const,
  verify: 'manifest' as const,
  sizing: 'host' as const,
  accept_unmoved: false,
  accept_drift: false,
  forward: false,
  hold: false,
  cutover_dns: [] as string[],
  proxy_protocol: [] as number[],
  binds: [],
  env: [],
  exclude: [],
  with_external: false,
  with_registry_auth: false,
  health_timeout_s: 60,
  callback_url: null,
  window_ms: 3_600_000,
  requested_by: 'tok_1',
};

/** A story that has come as far as `status`, on good days (for `reverting` and on: from a failed health check). */
export function storyAt(status: Status): Story {
  if (status === 'holding') return holdingStory();
  const story = newStory();
  const forward: CommandKind[][] = [
    ['prepare_source', 'prepare_target'],
    ['stop_stack'],
    ['send_volumes', 'receive_volumes'],
    ['send_project', 'receive_project'],
    ['deploy'],
  ];
  if (status === 'preflight') return story;
  story.feed({ type: 'preflight_passed', plan });
  for (const kinds of forward) {
    if (story.saga.status === status) return story;
    for (const kind of kinds) story.answer(kind);
  }
  if (status === 'verifying') return story;
  if (status === 'completed' || status === 'rolling_back' || status === 'rolled_back') {
    story.answer('verify_health');
    if (status !== 'completed') startRollback(story);
    if (status === 'rolled_back') for (const kind of rollbackKinds) story.answer(kind);
    return story;
  }
  if (status === 'cancelled') story.feed({ type: 'cancel' });
  else story.refuse('verify_health');
  if (status === 'reverting') return story;
  story.answer('stop_target');
  if (status === 'needs_attention') story.feed({ type: 'agent_lost', host: 'host_a' });
  else story.answer('restore_source');
  return story;
}

/** A pre-copy that holds; its first round is under way. */
export function holdingStory(options: Partial<Pick<StartInput, 'cut_over_at'>> = {}): Story {
  const story = newStory({ mode: 'pre-copy', verify: 'content', hold: true, ...options });
  story.feed({ type: 'preflight_passed', plan });
  for (const kind of ['prepare_source', 'prepare_target', 'warm_source', 'warm_target'] as const) story.answer(kind);
  for (const kind of ['stage_source', 'stage_target'] as const) story.answer(kind);
  return story;
}

export const rollbackKinds = ['check_retained', 'halt_target', 'revive_source', 'verify_source'] as const;

export function startRollback(story: Story): boolean {
  story.answer('arm_target');
  story.answer('retain_source');
  return story.feed({ type: 'rollback' });
}

/** A rollback that has come to the command `kind`, which is awaited. */
export function rollbackAt(kind: (typeof rollbackKinds)[number]): Story {
  const story = storyAt('rolling_back');
  for (const before of rollbackKinds.slice(0, rollbackKinds.indexOf(kind))) story.answer(before);
  return story;
}

function idOf(saga: Saga, kind: CommandKind): string {
  return saga.awaiting.find((awaited) => awaited.kind === kind)?.id ?? 'unknown';
}
