import { expect, it } from 'vitest';
import { Coordinator } from '../../worker/saga/migration/coordinator.ts';
import type { CoordinatorPorts, MigrationRow } from '../../worker/saga/migration/ports.ts';

it('C16: a migration whose row exists has started, though its pre-flight could not be run now', async () => {
  const rows = new Map<string, MigrationRow>();
  const alarms: number[] = [];
  const ports = {
    store: {
      load: async (id: string) => rows.get(id) ?? null,
      waitingOf: async () => [...rows.values()],
      insert: async (row: MigrationRow) => {
        rows.set(row.id, { ...row, version: 1, updated_at: row.created_at });
        return 'inserted';
      },
    },
    memory: { get: async () => undefined, put: async () => {}, setAlarm: async (at: number) => void alarms.push(at) },
    preflight: async () => {
      throw new Error('D1_ERROR: D1 DB is overloaded.');
    },
  } as unknown as CoordinatorPorts;
  const outcome = await new Coordinator(ports).start({
    stack_id: 'stack_1',
    stack_name: 'shop',
    source_host_id: 'host_a',
    target_host_id: 'host_b',
    mode: 'stop-copy',
    verify: 'manifest',
    sizing: 'host',
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
    health_timeout_s: 60,
    callback_url: null,
    window_ms: 1,
    requested_by: 'tok_1',
  });
  expect(outcome).toMatchObject({ kind: 'started', row: { status: 'preflight', version: 1 } });
  expect(alarms).toHaveLength(1);
});
