import { existsSync } from 'node:fs';
import { appendFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openCommandJournal } from '../../agent/command-journal.ts';
import { nodeDisk } from '../../agent/disk.ts';
import { keepDiskReserve } from '../../agent/disk-reserve.ts';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { createLog } from '../../node/log.ts';
import { run } from '../support/run.ts';
import { temporaryDirectory } from './temporary.ts';

const command = { id: 'c1', migration_id: 'm1', epoch: 2, kind: 'restore_source' } as const;
const key = { migration_id: 'm1', project: 'shop', role: 'source' } as const;

/** A filesystem of four megabytes. */
async function smallDisk(): Promise<string> {
  const dir = await temporaryDirectory();
  await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir]);
  onTestFinished(async () => void (await run('umount', [dir])));
  return dir;
}

/** Writes until not one byte more fits. */
async function fill(dir: string): Promise<void> {
  const path = join(dir, 'filler');
  await writeFile(path, '');
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2))
    for (;;) {
      const failed = await appendFile(path, Buffer.alloc(size)).catch((error: NodeJS.ErrnoException) => error.code);
      if (failed === 'ENOSPC') break;
      if (failed) throw new Error(failed);
    }
}

/** Mounting takes root. */
const mountable = process.getuid?.() === 0 || Boolean(process.env.STACKFERRY_REQUIRE_ALL);

describe.skipIf(!mountable)('F22 on a disk that has filled up', () => {
  test('the way back is still journaled and recorded, and read again after a restart', async () => {
    const dir = await smallDisk();
    const disk = await keepDiskReserve(
      nodeDisk,
      dir,
      createLog(() => {}),
    );
    const journal = await openCommandJournal(dir, { disk });
    const ledger = await openMigrationLedger(dir, disk);
    await ledger.update(key, (entry) => {
      entry.prior = [];
    });
    await fill(dir);
    await journal.begin(command);
    await ledger.amend('m1', (entry) => {
      entry.retained = true;
    });
    await journal.finish('c1', { ok: true, data: { running: [] } });
    await journal.close();
    const again = await openCommandJournal(dir);
    expect(again.outcomeOf('c1')).toEqual({ ok: true, data: { running: [] } });
    expect((await openMigrationLedger(dir)).find('m1')).toMatchObject({ prior: [], retained: true });
    await again.close();
  });

  test('the reserve is released only when the disk is full, and recreated at the next start', async () => {
    const dir = await smallDisk();
    const open = () =>
      keepDiskReserve(
        nodeDisk,
        dir,
        createLog(() => {}),
      );
    const reserve = join(dir, 'reserve');
    const disk = await open();
    await disk.replace(join(dir, 'a'), 'a');
    expect((await stat(reserve)).blocks * 512).toBeGreaterThanOrEqual(1_048_576);
    await fill(dir);
    await disk.replace(join(dir, 'b'), 'b'.repeat(5_000));
    expect(existsSync(reserve)).toBe(false);
    await run('rm', [join(dir, 'filler')]);
    await open();
    expect(existsSync(reserve)).toBe(true);
  });

  test('other faults of the disk are not taken for a full one', async () => {
    const dir = await smallDisk();
    const disk = await keepDiskReserve(
      nodeDisk,
      dir,
      createLog(() => {}),
    );
    await expect(disk.replace(join(dir, 'absent', 'x'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(existsSync(join(dir, 'reserve'))).toBe(true);
  });
});
