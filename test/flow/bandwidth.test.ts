import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { type FlowRig, mib, startFlowRig } from './flow-rig.ts';

let rig: FlowRig;
beforeAll(async () => {
  rig = await startFlowRig();
}, 120_000);
afterAll(() => rig?.close(), 60_000);

test('a migration keeps to its bandwidth limit, and is faster as soon as the limit is raised', async () => {
  const bytesPerSecond = 128 * 1024;
  const request = { target_host_id: rig.hosts.target.id, sizing: 'stack', bandwidth_limit: bytesPerSecond };
  const { id } = await rig.fleet.api.post<MigrationView>('/stacks/app/migrate', request);
  await rig.sent(mib / 2);
  const began = performance.now();
  const before = rig.bytesOnWires();
  await rig.sent(mib / 2);
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  const seconds = (performance.now() - began) / 1000;
  // One chunk may be under way, and the window's worth of the bound saved up.
  expect(rig.bytesOnWires() - before).toBeLessThan(seconds * bytesPerSecond + 2.5 * mib);

  const changed = await rig.fleet.api.patch<MigrationView>(`/migrations/${id}`, { bandwidth_limit: null });
  expect(changed).toMatchObject({ id, bandwidth_limit: null });
  expect(await rig.fleet.ended(id)).toMatchObject({ status: 'completed', bandwidth_limit: null });
  await expect(rig.fleet.api.patch(`/migrations/${id}`, { bandwidth_limit: 1_000_000 })).rejects.toMatchObject({
    code: 'migration_ended',
  });
}, 120_000);
