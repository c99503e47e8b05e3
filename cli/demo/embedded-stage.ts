import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runsNow } from '../../agent/engine/embedded/containers.ts';
import { openHostRoot } from '../../agent/engine/embedded/host-root.ts';
import { seedSampleStack } from '../../agent/engine/embedded/sample-stack.ts';
import { downHost } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { walkTree } from '../../agent/engine/embedded/tree-walk.ts';
import { until } from '../local/fleet.ts';
import { freePort } from '../local/free-port.ts';
import type { HostName, Stage } from './stage.ts';

const volumeBytes = 32 * 1_048_576;
const entries = ['Ada was here', 'so was Grace', 'and Barbara'];

/** Two embedded hosts: directories and child processes of this machine. Needs only Node. */
export async function embeddedStage(dir: string): Promise<Stage> {
  const stack = 'guestbook';
  const port = await freePort('127.0.0.1');
  const url = `http://127.0.0.1:${port}/`;
  const rootOf = (host: HostName) => join(dir, `embedded-${host}`);
  return {
    title: 'two embedded hosts (for trying out; the product drives Docker)',
    stack,
    address: '127.0.0.1',
    host: (name) => ({ arguments: ['--engine', 'embedded', '--embedded-root', rootOf(name)] }),
    async seed() {
      await seedSampleStack(rootOf('a'), stack, { bytes: volumeBytes, port });
      await until(
        () =>
          fetch(url).then(
            ({ ok }) => ok,
            () => false,
          ),
        'the sample stack to answer',
      );
      for (const entry of entries) await fetch(url, { method: 'POST', body: entry });
    },
    fingerprint: async (host) => {
      const files = await digestOfTree(join(rootOf(host), 'volumes', `${stack}_data`, '_data'));
      const served = await (await fetch(url)).text();
      return createHash('sha256').update(files).update(served).digest('hex');
    },
    runs: async (host) => {
      const root = await openHostRoot(rootOf(host));
      const runs = await Promise.all((await root.containers.all()).map((record) => runsNow(root, record)));
      return runs.includes(true);
    },
    close: async () => {
      for (const host of ['a', 'b'] as const) await downHost(rootOf(host));
    },
  };
}

/** Digest of names and contents of all files. */
async function digestOfTree(root: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const { path, type } of walkTree(root)) {
    hash.update(`${path}\0${type}\0`);
    if (type === 'file') hash.update(await readFile(join(root, path)));
  }
  return hash.digest('hex');
}
