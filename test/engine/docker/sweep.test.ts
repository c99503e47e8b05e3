import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { DockerApi } from '../../../agent/engine/docker/api.ts';
import { sweepHelpers } from '../../../agent/engine/docker/helper/helper.ts';
import { sweepExchanges } from '../../../agent/engine/docker/helper/job-dirs.ts';
import { temporaryDirectory } from '../../agent/temporary.ts';

it('P24: an agent that starts removes the job directories that its last run left', async () => {
  const ioDir = await temporaryDirectory();
  await mkdir(join(ioDir, 'left'));
  await writeFile(join(ioDir, 'left', 'stderr'), 'x');
  await sweepExchanges(ioDir);
  expect(await readdir(ioDir)).toEqual([]);
});

it('P24: a sweep asks for this agent’s helpers only, and never removes those of another on the same engine', async () => {
  const labels = {
    own: ['dev.stackferry.helper', 'dev.stackferry.agent=/state/a/io', 'dev.stackferry.migration=m1'],
    others: ['dev.stackferry.helper', 'dev.stackferry.agent=/state/b/io', 'dev.stackferry.migration=m1'],
  };
  const removed: string[] = [];
  const api = {
    adopted: async () => new Map(),
    get: async (path: string) => {
      const { label }: { label: string[] } = JSON.parse(
        new URL(path, 'http://docker').searchParams.get('filters') ?? '',
      );
      const has = (own: string[]) =>
        label.every((wanted) => own.some((it) => it === wanted || it.startsWith(`${wanted}=`)));
      return Object.entries(labels).flatMap(([Id, own]) => (has(own) ? [{ Id }] : []));
    },
    delete: async (path: string) => removed.push(path),
  };
  const place = { api: api as unknown as DockerApi, image: 'helper', ioDir: '/state/a/io', agentId: '/state/a/io' };
  await sweepHelpers(place);
  await sweepHelpers(place, 'm1');
  await sweepHelpers(place, 'm2');
  expect(removed).toEqual(Array(2).fill('/containers/own?force=true&v=true'));
});
