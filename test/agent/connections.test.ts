import { describe, expect, it } from 'vitest';
import { forwardConnections, holdConnections } from '../../agent/commands/connections/connections.ts';
import { untilAccepting } from '../../agent/commands/connections/until-accepting.ts';
import type { CommandContext } from '../../agent/commands/runner/context.ts';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { become } from '../../agent/tenancy.ts';
import { noForward } from '../support/no-forward.ts';
import { temporaryDirectory } from './temporary.ts';

const key = { migration_id: 'mig_1', project: 'shop', role: 'source' } as const;
const way = { project: 'shop', peer: 'host_b', ports: [], proxied: [], until_ms: 0 };

async function source() {
  const ledger = await openMigrationLedger(await temporaryDirectory());
  const forwarded: string[] = [];
  const forward = {
    ...noForward,
    forward: async ({ migrationId }: { migrationId: string }) => void forwarded.push(migrationId),
  };
  const context = { migrationId: 'mig_1', ledger, forward } as unknown as CommandContext;
  return { ledger, context, forwarded };
}

it('passes no connections on from a host where the stack runs', async () => {
  const { ledger, context, forwarded } = await source();
  await ledger.update(key, () => {});
  await expect(forwardConnections(way, context)).rejects.toMatchObject({ code: 'stack_running' });
  await ledger.update(key, (entry) => become(entry, 'retained'));
  await forwardConnections(way, context);
  await ledger.update(key, (entry) => become(entry, 'leased'));
  await expect(forwardConnections(way, context), 'a rollback started it').rejects.toMatchObject({
    code: 'stack_running',
  });
  expect(forwarded).toEqual(['mig_1']);
});

it('holds connections where the stack still runs', async () => {
  const { context } = await source();
  expect(await holdConnections({ project: 'shop', ports: [] }, context)).toEqual({});
});

describe('the wait before connections reach a stack', () => {
  /** An app that accepts from its n-th look on; what publishes nothing, or does not run, is not asked. */
  function app(from: number) {
    let looks = 0;
    const states = [
      { id: 'web', state: 'running' },
      { id: 'job', state: 'exited' },
    ];
    const engine = {
      containers: async () => states,
      accepting: async (ids: string[]) => {
        looks += 1;
        expect(ids).toEqual(['web']);
        return new Map([['web', looks >= from]]);
      },
    };
    const context = { engine, signal: new AbortController().signal } as unknown as CommandContext;
    return { context, looks: () => looks };
  }

  it('ends once it accepts at its ports', async () => {
    const { context, looks } = app(2);
    await untilAccepting('shop', context);
    expect(looks()).toBe(2);
  });

  it('is bounded, since some apps never do', async () => {
    const { context, looks } = app(Number.POSITIVE_INFINITY);
    await untilAccepting('shop', context, 300);
    expect(looks()).toBeLessThan(5);
  });
});
