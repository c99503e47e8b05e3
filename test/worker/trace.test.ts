import { describe, expect, it, vi } from 'vitest';
import { connectionOf } from '../../worker/durable-objects.ts';
import { log } from '../../worker/log.ts';
import { traceIdOf } from '../../worker/routes/trace-id.ts';
import { newToken } from '../../worker/store/token-format.ts';
import { waiting } from './support/agent.ts';
import { bindings, call } from './support/api.ts';
import { fleet } from './support/fleet.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('the id of a request', () => {
  it.each([
    ['its own', { 'x-request-id': 'ci-run-20261201' }, 'ci-run-20261201'],
    ['that of its trace', { traceparent: `00-${trace}-00f067aa0ba902b7-01` }, trace],
    [
      'its own before that of its trace',
      { 'x-request-id': 'mine-12345', traceparent: `00-${trace}-00f067aa0ba902b7-01` },
      'mine-12345',
    ],
  ])('is %s', (_, headers, id) => {
    expect(traceIdOf(new Headers(headers))).toBe(id);
  });

  it.each([
    ['short', { 'x-request-id': 'short' }],
    ['long', { 'x-request-id': 'x'.repeat(65) }],
    ['with a space', { 'x-request-id': 'level error forged' }],
    ['shaped like a token', { 'x-request-id': newToken('sfy').slice(0, 64) }],
    ['of zeros', { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }],
    ['of a version that does not exist', { traceparent: `ff-${trace}-00f067aa0ba902b7-01` }],
    ['cut off', { traceparent: `00-${trace}` }],
  ])('is a new one instead of one that is %s', (_, headers) => {
    expect(traceIdOf(new Headers(headers as Record<string, string>))).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('from a request to the hosts', () => {
  it('goes with each command, also with one sent again, into the log, and is of the latest act', async () => {
    const lines = vi.spyOn(log, 'info');
    const { token, agents, a, b, shop } = await fleet(
      () => null,
      () => null,
    );
    const headers = { 'x-request-id': 'start-12345' };
    const started = await call('POST', '/api/v1/stacks/shop/migrate', {
      token,
      body: { target_host_id: b.id },
      headers,
    });
    expect([started.status, started.headers.get('x-request-id')]).toEqual([202, 'start-12345']);
    const migration_id = started.body.id;
    const first = await agents.a.take('command');
    expect(first).toMatchObject({ kind: 'prepare_source', migration_id, trace_id: 'start-12345' });
    await connectionOf(bindings, a.id).deliverOwed();
    expect(await agents.a.take('command')).toEqual(first);
    await vi.waitFor(
      () =>
        expect(lines).toHaveBeenCalledWith(
          'migration',
          expect.objectContaining({
            ...{ migration_id, stack_id: shop, source_host_id: a.id, target_host_id: b.id },
            ...{ to: 'preparing', trace_id: 'start-12345' },
          }),
        ),
      waiting,
    );
    const cancelled = await call('POST', `/api/v1/migrations/${migration_id}/cancel`, {
      token,
      headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
    });
    expect(cancelled.status).toBe(202);
    const next = await vi.waitFor(async () => {
      const sent = await agents.b.take('command');
      expect(sent.kind).not.toBe('prepare_target');
      return sent;
    }, waiting);
    expect(next).toMatchObject({ migration_id, trace_id: trace });
    lines.mockRestore();
  });
});
