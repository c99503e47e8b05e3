import { describe, expect, it } from 'vitest';
import { pointNames, pointNamesBack } from '../../../agent/commands/names/point-names.ts';
import type { CommandContext } from '../../../agent/commands/runner/context.ts';
import { openMigrationLedger } from '../../../agent/migration-ledger.ts';
import { createHostNames } from '../../../agent/names/host-names.ts';
import { become } from '../../../agent/tenancy.ts';
import { cloudflareApi, recordOf, type TestRecord, testToken } from '../../support/cloudflare-api.ts';
import { temporaryDirectory } from '../temporary.ts';

const payload = { project: 'shop', names: [{ zone: 'example.com', name: 'shop.example.com' }] };
const back = { project: 'shop' };
const key = { migration_id: 'mig_1', project: 'shop', role: 'target' } as const;

async function target(records: TestRecord[], addresses = ['192.0.2.20']) {
  const cloudflare = await cloudflareApi('example.com', records);
  const state = await temporaryDirectory();
  const ledger = await openMigrationLedger(state);
  await ledger.update(key, (entry) => become(entry, 'leased'));
  const names = createHostNames({ token: async () => testToken, addresses, api: cloudflare.api });
  const context = { migrationId: 'mig_1', ledger, names, signal: AbortSignal.timeout(10_000) } as CommandContext;
  return { cloudflare, ledger, context, state };
}

describe('point_names', () => {
  it('changes the content of a record, and nothing else of it', async () => {
    const { cloudflare, context, ledger } = await target([recordOf({ proxied: true, ttl: 1 })]);
    expect(await pointNames(payload, context)).toEqual({
      records: [
        { name: 'shop.example.com', type: 'A', from: '192.0.2.10', to: '192.0.2.20', left: null, failed: null },
      ],
    });
    expect(cloudflare.records).toEqual([recordOf({ proxied: true, ttl: 1, content: '192.0.2.20' })]);
    expect(cloudflare.changes().map(({ body }) => body)).toEqual([{ content: '192.0.2.20' }]);
    expect(ledger.find('mig_1')?.pointed).toMatchObject([{ from: '192.0.2.10', to: '192.0.2.20', done: true }]);
  });

  it('records what a record was before it changes it', async () => {
    const { cloudflare, context, state } = await target([recordOf()]);
    let recorded: unknown = null;
    cloudflare.script.answer = (method) => (method === 'PATCH' ? cloudflare.refused(500, 1, 'try later') : null);
    expect((await pointNames(payload, context)).records[0]?.failed).toContain('Cloudflare answers 500');
    recorded = (await openMigrationLedger(state)).find('mig_1')?.pointed;
    expect(recorded).toMatchObject([{ from: '192.0.2.10', done: false }]);
  });

  it('may be repeated: the answer is the same, and what was before is not forgotten', async () => {
    const { cloudflare, context } = await target([recordOf()]);
    const first = await pointNames(payload, context);
    expect(await pointNames(payload, context)).toEqual(first);
    expect(cloudflare.changes()).toHaveLength(1);
    await pointNamesBack(back, context);
    expect(cloudflare.records[0]?.content).toBe('192.0.2.10');
  });

  it('is told done where a crash came between the change and its record', async () => {
    const { cloudflare, context, ledger } = await target([recordOf()]);
    const first = await pointNames(payload, context);
    await ledger.amend('mig_1', (entry) => Object.assign(entry.pointed[0]!, { done: false }));
    expect(await pointNames(payload, context)).toEqual(first);
    expect(ledger.find('mig_1')?.pointed[0]).toMatchObject({ from: '192.0.2.10', done: true });
    expect(cloudflare.changes()).toHaveLength(1);
  });

  it('changes both an A and an AAAA record', async () => {
    const records = [recordOf(), recordOf({ id: 'rec2', type: 'AAAA', content: '2001:db8::10' })];
    const { cloudflare, context } = await target(records, ['192.0.2.20', '2001:db8::20']);
    await pointNames(payload, context);
    expect(cloudflare.records.map(({ content }) => content)).toEqual(['192.0.2.20', '2001:db8::20']);
  });

  it('goes on with the other names if one can’t be changed', async () => {
    const { cloudflare, context } = await target([recordOf()]);
    const names = [{ zone: 'example.com', name: 'www.example.com' }, ...payload.names];
    const { records } = await pointNames({ ...payload, names }, context);
    expect(records.map(({ name, failed }) => [name, failed])).toEqual([
      ['www.example.com', 'The zone example.com has no A or AAAA record www.example.com: create it first.'],
      ['shop.example.com', null],
    ]);
    expect(cloudflare.records[0]?.content).toBe('192.0.2.20');
  });

  it('leaves a record that somebody else has changed since', async () => {
    const { cloudflare, context } = await target([recordOf()]);
    await pointNames(payload, context);
    cloudflare.records[0]!.content = '198.51.100.1';
    for (const { records } of [await pointNames(payload, context), await pointNamesBack(back, context)])
      expect(records).toMatchObject([{ left: 'somebody has pointed it at 198.51.100.1 since', failed: null }]);
    expect(cloudflare.records[0]?.content).toBe('198.51.100.1');
  });

  it('sends no clients here once the stack has moved on, or was stopped by a rollback', async () => {
    const { cloudflare, context, ledger } = await target([recordOf()]);
    await ledger.update({ migration_id: 'mig_2', project: 'shop', role: 'source' }, (entry) => {
      entry.stopped = { c1: 'long ago' };
    });
    expect((await pointNames(payload, context)).records[0]?.left).toContain('by migration mig_2');
    const other = await target([recordOf()]);
    await other.ledger.amend('mig_1', (entry) => become(entry, 'retained'));
    expect((await pointNames(payload, other.context)).records[0]?.left).toContain('a rollback has stopped');
    expect([...cloudflare.calls, ...other.cloudflare.calls]).toEqual([]);
  });
});

describe('point_names_back', () => {
  it('sets a record back to what it was, once', async () => {
    const { cloudflare, context } = await target([recordOf({ ttl: 60 })]);
    await pointNames(payload, context);
    const told = {
      name: 'shop.example.com',
      type: 'A',
      from: '192.0.2.20',
      to: '192.0.2.10',
      left: null,
      failed: null,
    };
    for (const _ of [1, 2]) expect(await pointNamesBack(back, context)).toEqual({ records: [told] });
    expect(cloudflare.records).toEqual([recordOf({ ttl: 60 })]);
    expect(cloudflare.changes()).toHaveLength(2);
  });

  it('changes nothing if nothing was changed', async () => {
    const { cloudflare, context } = await target([recordOf()]);
    expect(await pointNamesBack(back, context)).toEqual({ records: [] });
    expect(cloudflare.calls).toEqual([]);
  });

  it('leaves a record that is gone, and one of a stack that has moved on', async () => {
    const { cloudflare, context, ledger } = await target([recordOf()]);
    await pointNames(payload, context);
    const [gone] = cloudflare.records.splice(0);
    expect((await pointNamesBack(back, context)).records[0]?.left).toBe('it is no longer there');
    cloudflare.records.push(gone!);
    await ledger.update({ migration_id: 'mig_2', project: 'shop', role: 'target' }, (entry) => become(entry, 'leased'));
    expect((await pointNamesBack(back, context)).records[0]?.left).toContain('by migration mig_2');
    expect(cloudflare.records[0]?.content).toBe('192.0.2.20');
  });

  it('says what failed, to be tried again', async () => {
    const { cloudflare, context } = await target([recordOf()]);
    await pointNames(payload, context);
    cloudflare.close();
    expect((await pointNamesBack(back, context)).records[0]?.failed).toMatch(/^Cloudflare’s API can’t be reached: /);
  });
});
