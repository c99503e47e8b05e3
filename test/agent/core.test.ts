import { expect, test } from 'vitest';
import { type CoreOptions, openAgentCore } from '../../agent/core.ts';
import { type Disk, nodeDisk } from '../../agent/disk.ts';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { createLog } from '../../node/log.ts';
import { temporaryDirectory } from './temporary.ts';

const fullDisk: Disk = {
  ...nodeDisk,
  replace: async () => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  },
};

/** How often an agent asks for a guard that finds `leased` on its disk and then fails to start. */
async function guardsAsked(leased: boolean): Promise<number> {
  const stateDir = await temporaryDirectory();
  const ledger = await openMigrationLedger(stateDir);
  await ledger.update({ migration_id: 'web', project: 'web', role: 'target' }, (entry) => {
    entry.deployed = leased;
  });
  let asked = 0;
  const guard = {
    ensure: async () => {
      asked += 1;
    },
  };
  const options = { stateDir, guard, disk: fullDisk, log: createLog(() => {}) } as Partial<CoreOptions> as CoreOptions;
  await expect(openAgentCore(options)).rejects.toThrow('no space left');
  return asked;
}

test('F43 an agent that cannot start, on a full disk, still has what is leased here guarded', async () => {
  expect(await guardsAsked(true)).toBe(1);
  expect(await guardsAsked(false)).toBe(0);
});
