import { expect, it } from 'vitest';
import {
  contentDigest,
  contentOfConfig,
  type ImageContent,
} from '../../../../agent/engine/docker/images/image-content.ts';

const content: ImageContent = {
  layers: ['sha256:1', 'sha256:2'],
  os: 'linux',
  arch: 'amd64',
  variant: '',
  config: { Cmd: ['sh'], Env: ['A=1', 'B=2'], Labels: { a: 'b', c: 'd' }, ExposedPorts: { '80/tcp': {} } },
};

it('P10 an image is the same whatever its store leaves out, adds or orders otherwise', () => {
  const elsewhere: ImageContent = {
    ...content,
    config: {
      ...content.config,
      Labels: { c: 'd', a: 'b' },
      Hostname: '',
      Image: 'sha256:parent',
      Entrypoint: null,
      Volumes: {},
      OnBuild: [],
      WorkingDir: '',
    },
  };
  expect(contentDigest(elsewhere)).toBe(contentDigest(content));
});

it.each<[string, Partial<ImageContent>]>([
  ['another layer', { layers: ['sha256:1', 'sha256:3'] }],
  ['its layers in another order', { layers: ['sha256:2', 'sha256:1'] }],
  ['another architecture', { arch: 'arm64' }],
  ['another variant', { variant: 'v8' }],
  ['another command', { config: { ...content.config, Cmd: ['bash'] } }],
  ['its environment in another order', { config: { ...content.config, Env: ['B=2', 'A=1'] } }],
  ['a health check', { config: { ...content.config, Healthcheck: { Test: ['NONE'] } } }],
  ['another port', { config: { ...content.config, ExposedPorts: { '81/tcp': {} } } }],
])('P10 an image with %s is another', (_, other) => {
  expect(contentDigest({ ...content, ...other })).not.toBe(contentDigest(content));
});

it('P10 a configuration in an archive is the same as what the engine says of the image', () => {
  const { layers, os, arch, config } = content;
  const archived = {
    created: '2026-01-01',
    os,
    architecture: arch,
    config,
    rootfs: { type: 'layers', diff_ids: layers },
  };
  const read = contentOfConfig(archived);
  expect(read && contentDigest(read)).toBe(contentDigest(content));
  expect(contentOfConfig({ layers })).toBeNull();
});
