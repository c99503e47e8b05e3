import { execFile } from 'node:child_process';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';
import { installAt } from './upgrade-rig.ts';

const telling = (name: string) =>
  `console.log(${JSON.stringify(name)}, process.cwd(), process.argv.slice(2).join(' '));\n`;

test('R16 what the owner says through the launcher is no start: an upgrade that is under way goes on', async () => {
  const dir = await temporaryDirectory();
  const installed = join(dir, 'lib/agent-1');
  const programs = join(dir, 'state/programs/agent-1');
  await installAt(installed, join(dir, 'state'), telling('installed'));
  const says = async () => {
    const words = ['allow', 'shop', '--from', 'host_a', 'devices'];
    return (await promisify(execFile)(join(installed, 'start'), words, { cwd: dir })).stdout.trim();
  };
  expect(await says()).toBe(`installed ${dir} allow shop --from host_a devices`);

  await mkdir(programs, { recursive: true });
  for (const name of ['current', 'next', 'trial']) {
    await writeFile(join(programs, `${name}.js`), telling(name));
    await symlink(`${name}.js`, join(programs, name));
  }
  const before = await readdir(programs);
  expect(await says()).toBe(`current ${dir} allow shop --from host_a devices`);
  expect(await readdir(programs)).toEqual(before);
});
