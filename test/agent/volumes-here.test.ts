import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assertVolumesHere, replacedBinds } from '../../agent/commands/cutover/volumes-here.ts';
import type { LedgerEntry } from '../../agent/migration-ledger.ts';
import { hostPaths } from '../../agent/mounts.ts';
import { temporaryDirectory } from './temporary.ts';

it('R5: an empty directory at the path of a bind mount, like a mount point without its disk, is not what was moved', async () => {
  const media = join(await temporaryDirectory(), 'media');
  await mkdir(media);
  const data = { volumes: [], directory: '/srv/shop', binds: [media] };
  const marks = { [media]: (await hostPaths.mark(media))! };
  const replaced = (known: Record<string, string>) =>
    replacedBinds({ data, marks: known } as unknown as LedgerEntry, hostPaths);
  expect(await replaced(marks)).toEqual([]);
  await rename(media, `${media}.away`);
  expect(await replaced(marks), 'gone').toEqual([media]);
  await mkdir(media);
  expect(await replaced(marks), 'another').toEqual([media]);
  expect(await replaced({}), 'recorded by the previous release').toEqual([]);
});

it.each([
  ['while it only holds a lease, the directory must be the one that was made for it', false, true],
  ['once it lives here, its owner may have put the data on another disk', true, false],
])('R5: a target starts on its bind mounts: %s', async (_, armed, isRefused) => {
  const entry = {
    role: 'target',
    created: { volumes: [] },
    binds: ['/srv/media'],
    armed,
    deployed: true,
    started: true,
  };
  // It is there, and not what this migration made.
  const missing = async ({ paths }: { paths: string[] }, madeBy?: string) => (madeBy === undefined ? [] : paths);
  const context = { engine: { missing }, ledger: { find: () => entry }, migrationId: 'mig_1', paths: hostPaths };
  const outcome = await assertVolumesHere(context as unknown as Parameters<typeof assertVolumesHere>[0]).catch(
    (error: Error) => error.message,
  );
  expect(outcome === undefined).toBe(!isRefused);
});
