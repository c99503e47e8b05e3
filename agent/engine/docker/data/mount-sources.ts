import type { ContainerSummary } from '../stack/containers.ts';
import type { Volume } from '../stack/volumes.ts';

/** Volume → the path that its options bind. */
export const boundPaths = (volumes: Volume[]): Map<string, string> =>
  new Map(
    volumes.flatMap(({ Name, Options }) => (Options.device?.startsWith('/') ? [[Name, Options.device] as const] : [])),
  );

/** The path of this host that a container mounts, directly or by such a volume. */
export const hostPathOf = (
  { Type, Name, Source }: Pick<ContainerSummary['Mounts'][number], 'Type' | 'Name' | 'Source'>,
  bound: Map<string, string>,
): string | undefined => (Type === 'bind' ? Source : Type === 'volume' && Name ? bound.get(Name) : undefined);

export const nameOfContainer = ({ Names, Id }: ContainerSummary): string => Names[0]?.slice(1) ?? Id.slice(0, 12);
