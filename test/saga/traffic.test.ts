import { expect, it } from 'vitest';
import type { Outcome } from '../../schema/agent-protocol.ts';
import type { ForwardingPhase, TrafficReport } from '../../schema/forwarding.ts';
import type { MigrationRow } from '../../worker/saga/migration/ports.ts';
import { trafficOf } from '../../worker/saga/migration/traffic.ts';

const traffic: TrafficReport = {
  ports: [5, 7].map((per_minute, index) => ({ port: `*:${index}`, per_minute, total: 100, idle_ms: 0 })),
  ...{ sources: [], held: 0, spliced: 0 },
};

/** What a source of a migration in this phase is asked, and what is understood of its answer. */
async function told(phase: ForwardingPhase, answer: Outcome) {
  const asked: unknown[] = [];
  const row = { id: 'mig_1', source_host_id: 'host_a', saga: { forwarding: { phase } } } as MigrationRow;
  const request = async (host: string, kind: string, payload: unknown) => {
    asked.push([host, kind, payload]);
    return answer;
  };
  return { perMinute: await trafficOf(row, { request }), asked };
}

it('the source says how many connections of the last minute came to all of its ports', async () => {
  const { perMinute, asked } = await told('forwarding', { ok: true, data: { traffic } });
  expect([perMinute, asked]).toEqual([12, [['host_a', 'traffic', { migration_id: 'mig_1' }]]]);
});

it('nobody knows if it is offline, takes none any more, or is of another release', async () => {
  const offline = { code: 'host_offline' as const, message: 'It is offline.', log_tail: [] };
  expect((await told('forwarding', { ok: false, error: offline })).perMinute).toBeNull();
  expect((await told('forwarding', { ok: true, data: { traffic: null } })).perMinute).toBeNull();
  expect((await told('forwarding', { ok: true, data: 'other' })).perMinute).toBeNull();
});

it('is not asked once forwarding has ended', async () => {
  expect(await told('ended', { ok: true, data: { traffic } })).toEqual({ perMinute: null, asked: [] });
});
