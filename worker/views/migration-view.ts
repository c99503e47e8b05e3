import type { z } from 'zod';
import type {
  forwardingView,
  holdView,
  MigrationView,
  ProgressView,
  rollbackView,
  stepView,
  windowView,
} from '../../schema/api/migrations.ts';
import type { CommandKind } from '../../schema/commands.ts';
import { partsOf } from '../../schema/cutover-names.ts';
import { isTerminal, type Step, steps } from '../../schema/migration-status.ts';
import type { Held, Purge, Rollback, SafetyWindow, Saga } from '../../schema/saga.ts';
import { hostOf } from '../saga/migration/command-payloads.ts';
import { says } from '../saga/migration/cutover-names.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import { rollbackRefusal } from '../saga/migration/safety-window.ts';
import type { Surroundings } from '../store/migration-surroundings.ts';
import { time, timeOrNull } from '../time.ts';
import { withNames } from './host-names.ts';
import { viewReceipt } from './receipt-view.ts';

export function viewMigration(
  row: MigrationRow,
  around: Surroundings,
  progress: ProgressView | null,
  now = Date.now(),
): MigrationView {
  const { saga } = row;
  const superseded_by = around.successors.get(row.id) ?? null;
  const named = <T extends object>(texts: T) => withNames(texts, row, around.hosts);
  return {
    id: row.id,
    stack: { id: row.stack_id, name: row.stack_name },
    source_host_id: row.source_host_id,
    target_host_id: row.target_host_id,
    source_host: hostIn(around, row.source_host_id),
    target_host: hostIn(around, row.target_host_id),
    home: homeIn(around, row.stack_id),
    superseded_by,
    requested_by: tokenIn(around, row.requested_by),
    drain_id: row.drain_id,
    mode: row.mode,
    verify: saga.verify,
    sizing: row.sizing,
    bandwidth_limit: row.bandwidth_limit,
    status: row.status,
    cancel_requested: saga.cancel_requested,
    steps: steps.filter((step) => step !== 'holding' || saga.held).map((step) => viewStep(saga, step)),
    hold: saga.held && viewHold(saga.held),
    forwarding: viewForwarding(saga),
    names: viewNames(saga),
    progress,
    report: row.report,
    left_out: saga.results.prepare_source?.left_out ?? [],
    failure: row.failure && named(row.failure),
    owed: viewOwed(saga),
    attention: saga.attention && named(saga.attention),
    window: saga.window && viewWindow(saga, saga.window, superseded_by === null, now),
    rollback:
      saga.rollback &&
      viewRollback({ ...saga.rollback, failure: saga.rollback.failure && named(saga.rollback.failure) }, saga.window),
    receipt: viewReceipt(saga),
    downtime: viewDowntime(row),
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
    ended_at: timeOrNull(row.ended_at),
  };
}

function viewForwarding({ forwarding, plan, window }: Saga): z.infer<typeof forwardingView> | null {
  if (!forwarding) return null;
  return {
    phase: forwarding.phase,
    ports: plan?.forwarded_ports ?? [],
    proxy_protocol: forwarding.proxied,
    ends_at: timeOrNull(window?.ends_at),
    ended_at: timeOrNull(forwarding.ended_at),
  };
}

/** By the newest answer of the target's agent about each record. */
function viewNames({ cutover_dns, results }: Saga): MigrationView['names'] {
  const told = [...(results.point_names?.records ?? []), ...(results.point_names_back?.records ?? [])];
  return cutover_dns.map(partsOf).map(({ zone, name }) => {
    const own = new Map(told.filter((one) => one.name === name).map((one) => [one.type, one]));
    return { zone, name, records: [...own.values()].map((one) => ({ ...one, says: says(one) })) };
  });
}

function viewHold({ cut_over_at, cutting_over, last, changes }: Held): z.infer<typeof holdView> {
  return {
    cut_over_at: timeOrNull(cut_over_at),
    cutting_over,
    last_pass: last && { ended_at: time(last.ended_at), bytes: last.bytes, seconds: Math.round(last.ms / 100) / 10 },
    changes,
  };
}

function hostIn({ hosts }: Surroundings, id: string): MigrationView['source_host'] {
  const host = hosts.get(id);
  return host ? { name: host.name, deleted_at: timeOrNull(host.deleted_at) } : null;
}

function homeIn({ homes, hosts }: Surroundings, stack: string): MigrationView['home'] {
  const id = homes.get(stack);
  const host = id === undefined ? undefined : hosts.get(id);
  return id === undefined || !host || host.deleted_at !== null ? null : { id, name: host.name };
}

function tokenIn({ tokens }: Surroundings, id: string): MigrationView['requested_by'] {
  const name = tokens.get(id);
  return name === undefined ? null : { id, name };
}

/**
 * Ends with the proof on the target, or with the undo that started the source again. Of a migration that was given up
 * nobody knows whether it has ended.
 */
function viewDowntime({ saga, status, ended_at }: MigrationRow): MigrationView['downtime'] {
  const began = saga.steps.stopping?.started_at;
  if (began === undefined || (saga.failure?.code === 'given_up' && !saga.window)) return null;
  const moved = saga.window ? saga.steps.verifying?.ended_at : null;
  const undone = status === 'failed' || status === 'cancelled' ? ended_at : null;
  return { began_at: time(began), ended_at: timeOrNull(moved ?? undone) };
}

function viewStep(saga: Saga, name: Step): z.infer<typeof stepView> {
  const clock = saga.steps[name];
  const status = !clock
    ? 'pending'
    : saga.failure?.step === name
      ? 'failed'
      : clock.ended_at === null
        ? 'running'
        : 'done';
  return { name, status, started_at: timeOrNull(clock?.started_at), ended_at: timeOrNull(clock?.ended_at) };
}

function viewWindow(saga: Saga, window: SafetyWindow, newest: boolean, now: number): z.infer<typeof windowView> {
  return {
    completed_at: time(window.completed_at),
    ends_at: time(window.ends_at),
    open: newest && rollbackRefusal(saga, now) === null,
    reminded_at: timeOrNull(window.reminded_at),
    copy_running: window.copy_running,
    source_purge: window.source_purge && viewPurge(window.source_purge),
    target_purge: window.target_purge && viewPurge(window.target_purge),
  };
}

function viewPurge({ requested_at, done_at, remaining, left_out, host_deleted = false }: Purge) {
  return { requested_at: time(requested_at), done_at: timeOrNull(done_at), remaining, left_out, host_deleted };
}

function viewRollback(rollback: Rollback, window: SafetyWindow | null): z.infer<typeof rollbackView> {
  const { phase, requested_at, ended_at, failure } = rollback;
  const ms = requested_at - (window?.completed_at ?? requested_at);
  return {
    phase,
    requested_at: time(requested_at),
    ended_at: timeOrNull(ended_at),
    failure,
    hours_left_behind: Math.round(ms / 36_000) / 100,
  };
}

/** Empty while the migration is active: pending work is part of its steps then. */
function viewOwed(saga: Saga): MigrationView['owed'] {
  if (!isTerminal(saga.status) && saga.status !== 'needs_attention') return [];
  const kinds = [...saga.awaiting.map(({ kind }) => kind), ...saga.retry];
  return [...new Set(kinds)].map((kind) => ({ host_id: hostOf(saga, kind), what: owedWords[kind] ?? kind }));
}

const owedWords: { [K in CommandKind]?: string } = {
  stop_target: 'confirm that the stack is stopped there',
  restore_source: 'start the stack again as it was',
  cleanup_target: 'remove what the migration created there',
  arm_target: 'set the restart policies as the file says',
  retain_source: 'keep the old copy stopped',
  arm_source: 'set the restart policies as they were',
  hold_connections: 'have connections to its published ports wait',
  forward_connections: 'pass connections on to the target',
  receive_connections: 'receive the connections that the source passes on',
  release_connections: 'let connections reach the stack again',
  end_forwarding: 'forward no connections any more',
  end_receiving: 'receive no connections from the source any more',
  point_names: 'point the names of clients at the target',
  point_names_back: 'set the names of clients back',
  stop_source: 'confirm that the stack is stopped there',
  resume_target: 'start the stack again as it was',
  purge_source: 'delete what was kept there',
  purge_target: 'delete what was left there',
};
