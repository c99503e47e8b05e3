import type { StackFacts, StackVolume } from '../../../schema/facts.ts';
import type { MoveOptions } from '../../../schema/move-options.ts';

/**
 * The stack as it moves: anonymous volumes, and external ones if so chosen, count as its own named volumes, and keep
 * their names.
 */
export const movedStack = (stack: StackFacts, { with_external }: MoveOptions): StackFacts =>
  withExternal(withAnonymous(stack), with_external);

function withAnonymous(stack: StackFacts): StackFacts {
  const found = new Map(stack.anonymous_volumes.flatMap(({ name, move }) => (move ? [[name, move.volume]] : [])));
  const volumes = [...found.values()];
  return counting(volumes, { ...stack, volumes: [...stack.volumes, ...volumes] });
}

export function withExternal(stack: StackFacts, with_external: boolean): StackFacts {
  if (!with_external) return stack;
  const external = stack.volumes.filter((volume) => volume.external);
  const volumes = stack.volumes.map((volume) => (volume.external ? owned(volume, stack.project) : volume));
  return counting(external, { ...stack, volumes });
}

function counting(volumes: StackVolume[], { usage, ...stack }: StackFacts): StackFacts {
  const bytes = volumes.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0);
  return { ...stack, usage: { ...usage, disk_bytes: usage.disk_bytes + bytes } };
}

/** Compose's labels on an external volume are another stack's, and would make it foreign on the target. */
function owned(volume: StackVolume, project: string): StackVolume {
  const maker = volume.labels['com.docker.compose.project'];
  // Its stack may only be down at the moment, and comes up on an empty volume once this one was purged.
  const others = maker !== undefined && maker !== project ? [`the stack ${maker}, which made it`] : [];
  return {
    ...volume,
    external: false,
    labels: withoutCompose(volume.labels),
    also_used_by: [...volume.also_used_by, ...others],
  };
}

/** Compose's labels say which project made something. */
export const withoutCompose = (labels: Record<string, string>) =>
  Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith('com.docker.compose.')));
