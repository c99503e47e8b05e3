import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import type { ControlPlane } from '../../cli/local/start.ts';
import { writeBackup } from '../../cli/serve/archive.ts';
import { restoreInto } from '../../cli/serve/restore.ts';
import { databasePath } from '../../cli/serve/snapshot.ts';
import { agentVersion } from '../../node/version.ts';
import type { Status } from '../../schema/migration-status.ts';
import { type FlowRig, mib, type Side, startFlowRig } from './flow-rig.ts';

const bound = { timeout: 300_000 };

let rig: FlowRig;
/** Where the control plane that runs keeps its state. */
let dataDir: string;
let control: ControlPlane;
let before: string[];
beforeAll(async () => {
  rig = await startFlowRig();
  ({ dir: dataDir, control } = rig.fleet);
  before = await rig.digest('source');
}, 120_000);
afterAll(() => rig?.close(), 60_000);

/** Of the control plane as it runs. */
async function backUp(name: string): Promise<string> {
  const file = join(rig.fleet.dir, `${name}.tar.gz`);
  const { pausedMs } = await writeBackup({ dataDir, file, version: agentVersion, writer: control.workerPid });
  expect(pausedMs).toBeGreaterThan(0);
  return file;
}

/** In the place of the control plane that runs, and waits until the hosts have been heard. */
async function restore(file: string, id: string): Promise<void> {
  await rig.stopControl();
  dataDir = file.replace('.tar.gz', '');
  expect((await restoreInto(dataDir, file)).asked).toBe(1);
  const database = new DatabaseSync((await databasePath(dataDir))!);
  const saga = () => JSON.parse(String(database.prepare('SELECT saga FROM migration WHERE id = ?').get(id)?.saga));
  const { distrust, restorations } = saga();
  expect(distrust).toBe(true);
  control = await rig.startControl(dataDir);
  await control.tick();
  const heard = async () => saga().restorations > restorations && !saga().telling;
  await until(heard, 'both hosts to have told their records').finally(() => database.close());
}

async function expectEnd(id: string, status: Status, home: Side): Promise<void> {
  expect((await rig.fleet.ended(id)).status).toBe(status);
  await until(() => rig.runs(home), `the ${home} to run`);
  const running = { source: await rig.runs('source'), target: await rig.runs('target') };
  expect(running).toEqual({ source: home === 'source', target: home === 'target' });
  expect(await rig.digest(home)).toEqual(before);
}

describe('a control plane that is restored from a backup', () => {
  let id: string;

  test('C8: taken in mid-migration: the migration that was completed since is completed', bound, async () => {
    id = await rig.start();
    await rig.sent(8 * mib);
    const file = await backUp('transferring');
    await expectEnd(id, 'completed', 'target');
    await restore(file, id);
    await expectEnd(id, 'completed', 'target');
  });

  test('C8: taken before a rollback: it is rolled back', bound, async () => {
    const file = await backUp('completed');
    await rig.fleet.api.post(`/migrations/${id}/rollback`, {});
    await expectEnd(id, 'rolled_back', 'source');
    await restore(file, id);
    await expectEnd(id, 'rolled_back', 'source');
  });

  test('C8: taken before a purge: what runs stays, and the purge may be repeated', bound, async () => {
    await purgedTwice('target', 'rolled_back', 'source');
    id = await rig.start();
    await expectEnd(id, 'completed', 'target');
    await purgedTwice('source', 'completed', 'target');
  });

  /** Purges a side, goes back to before it, and purges it again. */
  async function purgedTwice(side: Side, status: Status, home: Side): Promise<void> {
    const purge = () => rig.fleet.api.delete(`/stacks/app/migrate/${id}/${side}`);
    const file = await backUp(`before-purge-of-${side}`);
    await purge();
    await restore(file, id);
    await expectEnd(id, status, home);
    await purge();
    await expectEnd(id, status, home);
  }
});
