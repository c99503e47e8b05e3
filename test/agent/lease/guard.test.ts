import { truncate, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../schema/limits.ts';
import { deaf, guardedHost } from '../guarded-host.ts';

/** A lease that a guard will find overdue this soon. */
const overdueIn = (ms: number) => ms - limits.lease.guardGraceMs;
const within = { timeout: 15_000, interval: 50 };

describe('the lease guard, where no agent lives', () => {
  test('F43 what runs on after its lease is stopped, and what still has leave runs on', async () => {
    const host = await guardedHost();
    await host.leased('lapsed', overdueIn(1_500));
    await host.leased('fresh', 600_000);
    await host.launcher().ensure();
    await expect.poll(() => host.runs('lapsed'), within).toBe(false);
    expect(await host.runs('fresh')).toBe(true);
    expect(host.ledger.find('lapsed')?.started).toBe(true);
    await expect.poll(() => host.log(), within).toContain('a lease ran out');
  });

  test('F43 a container that heeds no SIGTERM, with a stop timeout of minutes, is killed within the margin', async () => {
    const host = await guardedHost();
    await host.leased('deaf', overdueIn(0), deaf);
    const began = performance.now();
    await host.launcher().ensure();
    await expect.poll(() => host.runs('deaf'), { ...within, timeout: limits.lease.marginMs }).toBe(false);
    const tookMs = performance.now() - began;
    expect(tookMs).toBeGreaterThan(limits.lease.stopGraceMsMax - 100);
    expect(tookMs).toBeLessThan(limits.lease.marginMs - limits.lease.guardGraceMs);
  });

  test('F44 a lease of another boot is no leave', async () => {
    const host = await guardedHost();
    await host.leased('web', 600_000);
    await host.ledger.amend('web', (entry) => {
      entry.lease = { boot_id: 'another', ends_at_ms: Number.MAX_SAFE_INTEGER };
    });
    await host.launcher().ensure();
    await expect.poll(() => host.runs('web'), within).toBe(false);
  });

  test('F43 what is started after its stop, by a call that outlived the agent, is stopped again', async () => {
    const host = await guardedHost();
    await host.leased('web', overdueIn(0));
    await host.launcher().ensure();
    await expect.poll(() => host.runs('web'), within).toBe(false);
    const { lease } = host.ledger.find('web')!;
    await host.leased('web', 600_000);
    expect(await host.runs('web')).toBe(true);
    await host.ledger.amend('web', (entry) => {
      entry.lease = lease;
    });
    await expect.poll(() => host.runs('web'), within).toBe(false);
  });

  test('F42 a ledger that is torn after it was read does not end the guard: the lease it told runs out', async () => {
    const host = await guardedHost();
    await host.leased('torn', overdueIn(4_000));
    await host.leased('empty', overdueIn(4_000));
    await host.launcher().ensure();
    await expect.poll(() => host.log(), within).toContain('watching');
    await truncate(host.ledgerFile('torn'), 40);
    await writeFile(host.ledgerFile('empty'), '');
    await expect.poll(() => host.log(), within).toContain('cannot be read');
    expect(await host.runs('torn')).toBe(true);
    for (const project of ['torn', 'empty']) await expect.poll(() => host.runs(project), within).toBe(false);
  });

  test('a renewal that is written while it watches counts', async () => {
    const host = await guardedHost();
    await host.leased('web', overdueIn(8_000));
    await host.leased('other', overdueIn(10_000));
    await host.launcher().ensure();
    for (let round = 0; round < 20; round += 1)
      await host.ledger.amend('web', (entry) => {
        entry.lease = host.leaseOf(600_000);
      });
    await expect.poll(() => host.runs('other'), within).toBe(false);
    expect(await host.runs('web')).toBe(true);
  });

  test('a migration that is completed while its stack is being stopped gets it back running', async () => {
    const host = await guardedHost();
    await host.leased('web', overdueIn(0), deaf);
    await host.launcher().ensure();
    await new Promise((resolve) => setTimeout(resolve, limits.lease.stopGraceMsMax / 2));
    await host.ledger.amend('web', (entry) => {
      Object.assign(entry, { armed: true, lease: null });
    });
    await expect.poll(() => host.log(), within).toContain('starting again');
    await expect.poll(() => host.runs('web'), within).toBe(true);
    await expect.poll(() => host.pid(), within).toBeNull();
    expect(await host.runs('web')).toBe(true);
  });
});

describe('the lease guard as a process', () => {
  test('there is one, however many ask; a killed one is replaced', async () => {
    const host = await guardedHost();
    await host.leased('web', 600_000);
    const agents = [host.launcher(), host.launcher(), host.launcher()];
    await Promise.all(agents.map((agent) => agent.ensure()));
    await expect.poll(async () => settledCount(await host.log()), within).toBe(1);
    // One that was slow to begin may still take the place of the first; then it stays.
    let first: number | null = null;
    const again = async () => {
      first = await host.pid();
      await agents[0]!.ensure();
      return (await host.pid()) === first;
    };
    await expect.poll(again, within).toBe(true);
    process.kill(first!, 'SIGKILL');
    // Where another was slow to begin, it may be the one that stands in already.
    await expect.poll(() => host.pid(), within).not.toBe(first);
    await agents[1]!.ensure();
    expect(await host.pid()).toEqual(expect.any(Number));
    expect(await host.pid()).not.toBe(first);
  });

  test('it ends when nothing is leased any more, and begins again when something is', async () => {
    const host = await guardedHost();
    const guard = host.launcher();
    await host.leased('web', 600_000);
    await guard.ensure();
    await host.ledger.amend('web', (entry) => {
      Object.assign(entry, { deployed: false, started: false, lease: null });
    });
    await expect.poll(() => host.pid(), within).toBeNull();
    expect(await host.runs('web')).toBe(true);
    await host.leased('more', 600_000);
    await guard.ensure();
    expect(await host.pid()).not.toBeNull();
  });

  test('F43 a stopped service ends its leases, and not that of an agent that starts while its guard still stops', async () => {
    const host = await guardedHost();
    await host.leased('slow', 600_000, deaf);
    await host.leased('web', 600_000);
    await host.launcher().ensure();
    process.kill((await host.pid())!, 'SIGTERM');
    await expect.poll(() => host.runs('web'), within).toBe(false);
    await host.leased('web', 700_000);
    await expect.poll(() => host.runs('slow'), within).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 3 * limits.lease.guardPollMs));
    expect(await host.runs('web')).toBe(true);
    expect(await host.pid()).not.toBeNull();
  });

  test('a host on which it cannot start gets no lease', async () => {
    const { createLeaseGuard } = await import('../../../agent/lease/guard-start.ts');
    const guard = createLeaseGuard({ stateDir: '/proc/none', engine: { kind: 'embedded', root: '/proc/none' } });
    await expect(guard.ensure()).rejects.toMatchObject({ code: 'command_failed' });
  });
});

/** Guards that began and have not ended, by the log they share. */
function settledCount(log: string): number {
  return log.split('watching').length - log.split('nothing to guard').length;
}

describe('the bounds of a lease', () => {
  test('agent and guard each stop a lapsed stack within half the margin, one failed try included', () => {
    const { checkIntervalMs, guardGraceMs, guardPollMs, stopGraceMsMax, marginMs, leaseMs, renewIntervalMs } =
      limits.lease;
    expect(checkIntervalMs + stopGraceMsMax + limits.agent.stopRetryMs).toBeLessThanOrEqual(marginMs / 2);
    expect(guardGraceMs + 2 * guardPollMs + stopGraceMsMax).toBeLessThanOrEqual(marginMs / 2);
    expect(3 * renewIntervalMs).toBeLessThan(leaseMs);
  });
});
