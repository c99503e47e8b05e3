import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../agent/migration-ledger.ts';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { become, rules, sourcePhaseOf, type Tenancy, targetPhaseOf, tenancyOf } from '../../agent/tenancy.ts';
import { temporaryDirectory } from './temporary.ts';

const tenancies: Tenancy[] = ['none', 'home', 'parked', 'leased', 'retained'];
const prior = [
  {
    id: 'c1',
    name: 'shop-db-1',
    service: 'db',
    running: true,
    restart_policy: { name: 'always', maximum_retry_count: 0 },
    state: 'running',
    health: null,
    image: null,
  },
] as NonNullable<LedgerEntry['prior']>;

const ways: Record<LedgerEntry['role'], { [T in Tenancy]?: Tenancy[] }> = {
  source: { home: [], parked: ['parked'], retained: ['parked', 'retained'], leased: ['parked', 'retained', 'leased'] },
  target: { none: [], leased: ['leased'], home: ['leased', 'home'], retained: ['leased', 'home', 'retained'] },
};

async function entryAt(role: LedgerEntry['role'], tenancy: Tenancy): Promise<LedgerEntry> {
  const ledger = await openMigrationLedger(await temporaryDirectory());
  return ledger.update({ migration_id: 'mig_1', project: 'shop', role }, (entry) => {
    for (const next of ways[role][tenancy] ?? []) {
      if (next === 'parked') entry.prior = prior;
      become(entry, next);
    }
    entry.lease = { boot_id: 'b', ends_at_ms: 1 };
  });
}

describe.each(['source', 'target'] as const)('the tenancy of a %s', (role) => {
  const own = tenancies.filter((tenancy) => rules[role][tenancy]);
  const changes = own.flatMap((from) => tenancies.map((to) => [from, to] as const));

  it.each(changes)('%s → %s is made whole, or refused', async (from, to) => {
    const entry = await entryAt(role, from);
    const before = structuredClone(entry);
    const allowed = from === to || rules[role][to]?.after.includes(from);
    if (!allowed) {
      expect(() => become(entry, to)).toThrow(`cannot go from ${from} to ${to}`);
      expect(entry).toEqual(before);
      return;
    }
    become(entry, to);
    if (role === 'source' && (to === 'home' || to === 'parked')) entry.prior = to === 'home' ? null : prior;
    expect(tenancyOf(entry)).toBe(to);
    expect(entry.lease).toEqual(to === 'leased' ? before.lease : null);
  });
});

it('C8: the tenancies in the words of the protocol', async () => {
  const source = (tenancy: Tenancy) => entryAt('source', tenancy).then(sourcePhaseOf);
  const target = (tenancy: Tenancy) => entryAt('target', tenancy).then(targetPhaseOf);
  expect([await source('home'), await source('parked'), await source('leased'), await source('retained')]).toEqual([
    'untouched',
    'stopped',
    'revived',
    'retained',
  ]);
  expect([await target('none'), await target('leased'), await target('home'), await target('retained')]).toEqual([
    'made',
    'leased',
    'armed',
    'halted',
  ]);
});
