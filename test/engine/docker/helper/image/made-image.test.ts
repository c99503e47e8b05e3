import { describe, expect, it } from 'vitest';
import { isMadeOf } from '../../../../../agent/engine/docker/helper/image/made-image.ts';
import { imageAnswer } from '../../../../../agent/engine/docker/images/images.ts';

const id = 'ab'.repeat(32);
const other = 'cd'.repeat(32);

describe('P4 an image with the name of the agent’s own', () => {
  const [layer, environment] = [`sha256:${id}`, ['PATH=/bin']];
  const imported = { Cmd: null, Volumes: null, WorkingDir: '/', Env: environment, Labels: { any: 'thing' } };
  const image = (Config: object, Layers = [layer]) =>
    imageAnswer.parse({ Id: 'x', RootFS: { Layers }, Config, Os: 'linux', Architecture: 'amd64', Size: 1 });

  it('is taken for it where it holds the same bytes, and nothing else in its configuration', () => {
    expect(isMadeOf(image(imported), layer, environment)).toBe(true);
  });

  it.each([
    ['another layer', {}, [`sha256:${other}`]],
    ['a layer more', {}, [layer, `sha256:${other}`]],
    ['a PATH that leads into the volume', { Env: ['PATH=/v:/bin'] }, undefined],
    ['a health check', { Healthcheck: { Test: ['CMD', 'rm', '-rf', '/v'] } }, undefined],
    ['a volume', { Volumes: { '/v': {} } }, undefined],
  ])('is not with %s', (_what, config, layers) => {
    expect(isMadeOf(image({ ...imported, ...config }, layers), layer, environment)).toBe(false);
  });
});
