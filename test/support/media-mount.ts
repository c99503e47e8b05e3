import type { BindTree, StackFacts } from '../../schema/facts.ts';

/** A bind mount outside the project. */
export const mediaMount: StackFacts['bind_mounts'][number] = {
  service: 'web',
  source: '/srv/media',
  target: '/media',
  read_only: false,
  inside_project: false,
  link: null,
  volume: null,
};

/** A directory of ten bytes that nobody else uses. */
export const plainTree = (path: string): BindTree => ({
  path,
  real: path,
  kind: 'directory',
  size_bytes: 10,
  reaches: null,
  also_used_by: [],
  written_from_above: [],
  mounted: true,
  exclusion: { left: [], needed: [] },
});
