import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Deployment } from '../../schema/deployment.ts';
import { limits } from '../../schema/limits.ts';
import { embeddedPair, moveData } from './embedded-pair.ts';

const { restoredWaitMsMax } = limits.agent;
const { settleMs } = limits.health;
afterEach(() => {
  Object.assign(limits.agent, { restoredWaitMsMax });
  Object.assign(limits.health, { settleMs });
});

test('R24: an app whose file was broken after its start: the way back says that it no longer runs, until it is mended', async () => {
  Object.assign(limits.agent, { restoredWaitMsMax: 8_000 });
  Object.assign(limits.health, { settleMs: 3_000 });
  const pair = await embeddedPair();
  const { source, deployment } = pair;
  await moveData(pair);
  const app = join(deployment.source_dir, 'server.mjs');
  const home: Deployment = { ...deployment, target_dir: deployment.source_dir };
  const restore = () => source.perform('restore_source', { project: 'guestbook', deployment: home });
  const whole = await readFile(app);
  await writeFile(app, 'process.exit(3);');
  await expect(restore()).rejects.toMatchObject({
    message: expect.stringMatching(/^Put back, but not as it was before: .*"web"/),
  });
  await writeFile(app, whole);
  await expect(restore()).resolves.toMatchObject({ running: [expect.any(String)] });
});
