import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { privilegeOfBind } from '../../../../agent/engine/docker/policy/privileges.ts';
import { projectsIn } from '../../../../agent/engine/docker/policy/protected-paths.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

it('a bind of another stack’s directory needs a privilege, and one of what stacks share there does not', async () => {
  const stacks = join(await temporaryDirectory(), 'stacks');
  for (const path of ['shop/compose.yaml', 'bank/.env', 'shared/notes.txt']) {
    await mkdir(join(stacks, path, '..'), { recursive: true });
    await writeFile(join(stacks, path), '');
  }
  const host = { directory: join(stacks, 'shop'), own: await projectsIn(stacks) };
  const powerOf = (path: string) => privilegeOfBind(join(stacks, path), false, host);
  expect(['shop/data', 'shared', 'bank', 'bank/.env', '.'].map(powerOf)).toEqual([
    null,
    null,
    'host_path',
    'host_path',
    'host_path',
  ]);
});

it('a stacks directory that is not there yet has no stacks', async () => {
  expect(await projectsIn('/nowhere/stacks')).toEqual([]);
});
