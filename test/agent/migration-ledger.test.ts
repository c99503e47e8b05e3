import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { temporaryDirectory } from './temporary.ts';

const key = { migration_id: 'm1', project: 'guestbook', role: 'target' } as const;

test('what was recorded is on disk when the update resolves, and there after a restart', async () => {
  const dir = await temporaryDirectory();
  const ledger = await openMigrationLedger(dir);
  await ledger.update(key, ({ created }) => void created.volumes.push('guestbook_data'));
  const file = JSON.parse(await readFile(join(dir, 'migrations', 'm1.json'), 'utf8'));
  expect(file.created.volumes).toEqual(['guestbook_data']);
  const again = await openMigrationLedger(dir);
  expect(again.find('m1')?.created.volumes).toEqual(['guestbook_data']);
});

test('concurrent updates of one migration lose nothing', async () => {
  const ledger = await openMigrationLedger(await temporaryDirectory());
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      ledger.update(key, ({ created }) => void created.containers.push(`c${index}`)),
    ),
  );
  expect(ledger.find('m1')?.created.containers).toHaveLength(20);
});

test('an update that throws changes nothing', async () => {
  const ledger = await openMigrationLedger(await temporaryDirectory());
  await ledger.update(key, (entry) => {
    entry.deployed = true;
  });
  const failed = ledger.update(key, (entry) => {
    entry.deployed = false;
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  expect(ledger.find('m1')?.deployed).toBe(true);
});

test('a damaged record stops its own migration, loudly, and no other', async () => {
  const dir = await temporaryDirectory();
  await (await openMigrationLedger(dir)).update({ ...key, migration_id: 'm2' }, () => {});
  await writeFile(join(dir, 'migrations', 'm1.json'), '{"migration_id":');
  const ledger = await openMigrationLedger(dir);
  expect(() => ledger.find('m1')).toThrow('damaged');
  expect(ledger.find('m2')?.project).toBe('guestbook');
  expect(ledger.all()).toHaveLength(1);
});

test('an id that is no file name is refused', async () => {
  const ledger = await openMigrationLedger(await temporaryDirectory());
  await expect(ledger.update({ ...key, migration_id: '../../etc/passwd' }, () => {})).rejects.toThrow(
    'not one that this agent',
  );
});
