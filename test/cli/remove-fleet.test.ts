import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { removeFleet } from '../../cli/local/remove-fleet.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

const pidfileModule = join(import.meta.dirname, '../../agent/lease/guard-pidfile.ts');

it('removes the directory of a fleet in which a lease guard still writes', async () => {
  const dir = await temporaryDirectory();
  const state = join(dir, 'host-a');
  await mkdir(state);
  const guard = join(dir, 'guard.mts');
  await writeFile(
    guard,
    `import { mkdirSync, writeFileSync } from 'node:fs';
    import { claimPidfile } from ${JSON.stringify(pidfileModule)};
    await claimPidfile(${JSON.stringify(state)});
    for (let n = 0; ; n += 1) {
      mkdirSync(${JSON.stringify(state)}, { recursive: true });
      writeFileSync(${JSON.stringify(state)} + '/' + n, '');
    }`,
  );
  const child = spawn(process.execPath, [guard], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await vi.waitFor(() => readFile(join(state, '100')), { timeout: 10_000, interval: 20 });
  await removeFleet(dir);
  expect(existsSync(dir)).toBe(false);
});
