import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  adoptedFile,
  adoptedLabels,
  readAdopted,
  writeAdopted,
} from '../../../../agent/engine/docker/adoption/adopted-file.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

describe('the record of adopted containers', () => {
  it('gives each the labels that Compose would have given, from the next look on', async () => {
    const dir = await temporaryDirectory();
    const labels = adoptedLabels(dir);
    expect((await labels()).size).toBe(0);
    await writeAdopted(dir, [{ stack: 'shop', directory: '/opt/stacks/shop', containers: { id1: 'web' } }]);
    expect((await labels()).get('id1')).toMatchObject({
      'com.docker.compose.project': 'shop',
      'com.docker.compose.service': 'web',
      'com.docker.compose.project.working_dir': '/opt/stacks/shop',
      'com.docker.compose.project.config_files': '/opt/stacks/shop/compose.yaml',
    });
  });

  it('is named if it is damaged, and keeps no other stack waiting', async () => {
    const dir = await temporaryDirectory();
    await writeFile(adoptedFile(dir), '{"stacks": [');
    await expect(readAdopted(dir)).rejects.toThrow('is damaged: remove it, and adopt its containers again');
    expect((await adoptedLabels(dir)()).size).toBe(0);
  });
});
