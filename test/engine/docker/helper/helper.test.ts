import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type HelperRuntime, writeToHelper } from '../../../../agent/engine/docker/helper/helper.ts';
import { makeJobDirs } from '../../../../agent/engine/docker/helper/job-dirs.ts';
import { sleep } from '../../../../node/sleep.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

/** A helper whose scripts run on this machine, a while after they are asked for. */
async function slowHelper(delayMs: number): Promise<HelperRuntime> {
  const ioDir = join(await temporaryDirectory(), 'io');
  await mkdir(ioDir);
  const run = async (script: string) => {
    await sleep(delayMs);
    return new Promise<number>((resolve) => {
      const child = execFile('sh', ['-c', script.replaceAll('/io/', `${ioDir}/`)]);
      child.once('exit', (code) => resolve(code ?? 255));
    });
  };
  const exchanges = { take: async () => (await makeJobDirs(ioDir, 1))[0]! };
  return { ioDir, resident: { run, exchanges } } as Partial<HelperRuntime> as HelperRuntime;
}

test('a short input that ends before a slow helper opens it still arrives', async () => {
  const out = join(await temporaryDirectory(), 'out');
  const { stream, finished } = await writeToHelper(await slowHelper(300), {
    migrationId: 'm',
    purpose: 'unpack',
    mount: { volume: 'v' },
    readOnly: false,
    capabilities: [],
    script: 'cat >"$1"',
    arguments: [out],
    failure: 'unpack_failed',
    signal: AbortSignal.timeout(5_000),
  });
  stream.end('a few bytes');
  await finished;
  expect(await readFile(out, 'utf8')).toBe('a few bytes');
}, 6_000);
