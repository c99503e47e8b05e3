import { link, mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DockerApi } from '../../../agent/engine/docker/api.ts';
import { volumeSizes } from '../../../agent/engine/docker/volume-sizes.ts';
import { temporaryDirectory } from '../../agent/temporary.ts';

const volume = (Name: string, Mountpoint: string) => ({ Name, Mountpoint, Driver: 'local', Labels: {}, Options: {} });
const asked = (answer: unknown) => ({ get: async () => answer }) as unknown as DockerApi;
const nobody = { get: () => Promise.reject(new Error('the engine was asked')) } as unknown as DockerApi;

describe('the sizes of volumes', () => {
  it('are what their files say: one with two names once, holes as if they were filled, directories nothing', async () => {
    const [full, empty] = [await temporaryDirectory(), await temporaryDirectory()];
    await mkdir(join(full, 'a b', 'new\nline'), { recursive: true });
    await writeFile(join(full, 'a b', 'new\nline', 'file'), 'x'.repeat(1_000));
    await link(join(full, 'a b', 'new\nline', 'file'), join(full, 'another name'));
    await writeFile(join(full, 'sparse'), '');
    await truncate(join(full, 'sparse'), 1_000_000);
    const sizes = await volumeSizes(nobody, [volume('full', full), volume('empty', empty)]);
    expect(Object.fromEntries(sizes)).toEqual({ full: 1_001_000, empty: 0 });
  });

  it('are the engine’s where this agent does not see the files, and unknown where that has none', async () => {
    const known = asked({
      Volumes: [
        { Name: 'v', UsageData: { Size: 7 } },
        { Name: 'w', UsageData: { Size: -1 } },
      ],
    });
    expect(Object.fromEntries(await volumeSizes(known, [volume('v', '/nowhere')]))).toEqual({ v: 7 });
    expect((await volumeSizes(nobody, [volume('v', '/nowhere')])).size).toBe(0);
  });
});
