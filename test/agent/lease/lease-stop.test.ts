import { describe, expect, test } from 'vitest';
import { stopLeased } from '../../../agent/commands/cutover/stop-leased.ts';
import { stopSeconds } from '../../../agent/engine/docker/stack/containers.ts';
import { createEmbeddedEngine } from '../../../agent/engine/embedded/embedded-engine.ts';
import { limits } from '../../../schema/limits.ts';
import { deaf, guardedHost } from '../guarded-host.ts';

describe('what stops when a lease lapses', () => {
  test('F43 gets its bound and no more: a stop timeout of five minutes does not outlast the margin', async () => {
    const host = await guardedHost();
    await host.leased('deaf', 0, deaf);
    const engine = await createEmbeddedEngine({ root: host.root });
    const began = performance.now();
    await stopLeased('deaf', engine, host.ledger, undefined, limits.lease.stopGraceMsMax);
    const tookMs = performance.now() - began;
    await engine.close();
    expect(await host.runs('deaf')).toBe(false);
    expect(tookMs).toBeGreaterThan(limits.lease.stopGraceMsMax - 100);
    expect(tookMs).toBeLessThan(limits.lease.marginMs / 2);
  });

  test.each([
    [30, 8_000, 8],
    [3, 8_000, 3],
    [null, 8_000, 8],
    [-1, 8_000, 8],
    [null, undefined, limits.agent.stopTimeoutSDefault],
    [-1, undefined, -1],
  ])('Docker gets for a stop timeout of %s s and a bound of %s ms: %s s', (own, bound, seconds) => {
    expect(stopSeconds(own, bound)).toBe(seconds);
  });
});
