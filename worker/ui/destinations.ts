import { memoryFactor } from '../saga/preflight/host-checks.ts';
import { diskFactor } from '../saga/preflight/verdicts.ts';
import type { HostView } from './views.ts';

/** Room that a target must have free, margins included. Bytes. */
export interface Needs {
  memory_bytes: number;
  disk_bytes: number;
}

/** A host that a stack could go to. */
export interface Candidate {
  host: HostView;
  /** Why no migration may target it now; null if one may. */
  obstacle: string | null;
  /** What it lacks of the needs; null if either is unknown. All zero: it fits. */
  lacks: Needs | null;
}

/** What all of a host uses, with the margins of the pre-flight; null if it has not said so. */
export function needsOf(host: HostView | null): Needs | null {
  if (!host?.resources) return null;
  const { memory, disk } = host.resources;
  return {
    memory_bytes: Math.ceil(memory.used_bytes * memoryFactor),
    disk_bytes: Math.ceil(disk.used_bytes * diskFactor),
  };
}

/** The hosts other than the source: open ones first, those that fit before others, then by free room. */
export function candidatesOf(hosts: readonly HostView[], source: string, needs: Needs | null): Candidate[] {
  const others = hosts.filter(({ id, status }) => id !== source && status !== 'pending');
  const most = (of: 'memory' | 'disk') =>
    Math.max(1, ...others.map(({ resources }) => resources?.[of].free_bytes ?? 0));
  const [memory, disk] = [most('memory'), most('disk')];
  const room = ({ resources }: HostView) =>
    resources ? resources.memory.free_bytes / memory + resources.disk.free_bytes / disk : 0;
  const rank = ({ obstacle, lacks }: Candidate) => (obstacle !== null ? 2 : isFit(lacks) ? 0 : 1);
  return others
    .map((host): Candidate => ({ host, obstacle: obstacleOf(host), lacks: needs && lacksOf(host, needs) }))
    .sort((a, b) => rank(a) - rank(b) || room(b.host) - room(a.host));
}

export const isFit = (lacks: Needs | null): boolean => lacks?.memory_bytes === 0 && lacks.disk_bytes === 0;

function lacksOf({ resources }: HostView, { memory_bytes, disk_bytes }: Needs): Needs | null {
  if (!resources) return null;
  const { memory, disk } = resources;
  return {
    memory_bytes: Math.max(0, memory_bytes - memory.free_bytes),
    disk_bytes: Math.max(0, disk_bytes - disk.free_bytes),
  };
}

function obstacleOf({ status, cordoned_at }: HostView): string | null {
  if (status !== 'online') return 'It is offline.';
  return cordoned_at === null ? null : 'It is cordoned: no migration may target it.';
}
