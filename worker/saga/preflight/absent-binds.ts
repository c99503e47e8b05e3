import { placeOf } from './chosen-binds.ts';
import type { Fit } from './fit.ts';

/** Bind mounts, also by a volume's options, that do not move and whose path is missing on the target. */
export const absentBinds = ({ stack, target, binds }: Pick<Fit, 'stack' | 'target' | 'binds'>) =>
  stack.bind_mounts.filter(
    ({ inside_project, source }) =>
      !inside_project &&
      placeOf(binds.trees, source) === null &&
      target.bind_mounts.some(({ path, exists }) => path === source && !exists),
  );
