import type { LeftOut } from './facts.ts';
import { count, sizeOr } from './units.ts';

/** Adds up, by pattern, what is left out of several directories; names at most that many paths in all. */
export function byPattern(patterns: readonly string[], found: readonly LeftOut[], pathsMax: number): LeftOut[] {
  let room = pathsMax;
  return patterns.map((pattern) => {
    const of = found.filter((one) => one.pattern === pattern);
    const sum = (numberOf: (one: LeftOut) => number) => of.reduce((total, one) => total + numberOf(one), 0);
    const paths = of.flatMap((one) => one.paths).slice(0, room);
    room -= paths.length;
    return {
      pattern,
      directories: sum(({ directories }) => directories),
      others: sum(({ others }) => others),
      size_bytes: of.some(({ size_bytes }) => size_bytes === null) ? null : sum(({ size_bytes }) => size_bytes ?? 0),
      paths,
    };
  });
}

/** `3 directories and 1 file, 41.2 GiB`; null if it is nothing. A walk that was cut short found only some of it. */
export function leftOutWords({ directories, others, size_bytes }: LeftOut): string | null {
  if (directories + others === 0) return size_bytes === null ? 'not measured in time' : null;
  const parts = [
    ...(directories > 0 ? [`${directories} ${directories === 1 ? 'directory' : 'directories'}`] : []),
    ...(others > 0 ? [count(others, 'file')] : []),
  ];
  return `${parts.join(' and ')}, ${sizeOr(size_bytes, 'size unknown')}`;
}

/** The paths that are named, and how many are not. */
export function leftOutPaths({ directories, others, paths }: LeftOut): string {
  const more = directories + others - paths.length;
  return more > 0 ? `${paths.join(', ')} and ${more} more` : paths.join(', ');
}
