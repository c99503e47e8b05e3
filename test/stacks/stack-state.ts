import { docker, type HostName } from '../docker/two-hosts.ts';
import { run } from '../support/run.ts';

/** What of a stack on a host must be equal wherever it runs. */
export interface StackState {
  /** Container → what `docker inspect` says of it. */
  containers: Record<string, unknown>;
  networks: Record<string, unknown>;
  volumes: Record<string, unknown>;
  /** `container destination` → names, kinds, modes, owners, sizes, times, links and contents. */
  data: Record<string, string>;
}

// biome-ignore lint/suspicious/noExplicitAny: what an engine says, as it says it.
type Inspected = Record<string, any>;

const projectLabel = (name: string) => ['--filter', `label=com.docker.compose.project=${name}`];

async function inspect(host: HostName, kind: string, listed: string): Promise<Inspected[]> {
  const ids = listed.split('\n').filter((line) => line !== '');
  return ids.length === 0 ? [] : JSON.parse(await docker(host, kind, 'inspect', ...ids));
}

export const containersOf = async (host: HostName, name: string): Promise<Inspected[]> =>
  inspect(host, 'container', await docker(host, 'ps', '-aq', ...projectLabel(name)));

export interface Mount {
  Type: string;
  Name?: string;
  Source: string;
  Destination: string;
}

/** Mounts whose data is the stack's: volumes, and what lies in `root`. */
export const dataMounts = (container: Inspected, root: string): Mount[] =>
  (container.Mounts as Mount[]).filter(({ Type, Source }) => Type === 'volume' || Source.startsWith(`${root}/`));

/**
 * `root` has `stacks-a` and `stacks-b`, and in `there` what lies beside them on b; the result does not tell them apart.
 * `fixedSubnets`: networks whose addresses the files say.
 */
export async function stackState(
  host: HostName,
  name: string,
  root: string,
  fixedSubnets: string[],
): Promise<StackState> {
  const [containers, networks, volumes] = await Promise.all([
    containersOf(host, name),
    docker(host, 'network', 'ls', '-q', ...projectLabel(name)).then((ids) => inspect(host, 'network', ids)),
    docker(host, 'volume', 'ls', '-q', ...projectLabel(name)).then((ids) => inspect(host, 'volume', ids)),
  ]);
  const plain = (found: unknown) => withoutIds(found, containers, root, host);
  const inMemory = volumes.flatMap(({ Name, Options }) => (Options?.type === 'tmpfs' ? [Name] : []));
  const mounts = containers.flatMap((container) =>
    dataMounts(container, root)
      .filter(({ Name }) => !inMemory.includes(Name))
      .map((mount) => [`${container.Name} ${mount.Destination}`, mount.Source] as const),
  );
  const prints = await fingerprints([...new Set(mounts.map(([, source]) => source))]);
  return {
    containers: Object.fromEntries(containers.map((each) => [each.Name, inOrder(plain(containerView(each)))])),
    networks: Object.fromEntries(networks.map((each) => [each.Name, networkView(each, fixedSubnets)])),
    volumes: Object.fromEntries(
      volumes.map(({ Name, Driver, Options, Labels }) => [
        Name,
        { Driver, Options: plain(Options ?? {}), Labels: ownLabels(Labels) },
      ]),
    ),
    data: Object.fromEntries(mounts.map(([place, source]) => [place, prints.get(source)!])),
  };
}

/** Labels that Compose and Stackferry write for themselves say where the project lies and with which version it was made. */
const ownLabels = (labels: Record<string, string> | null) =>
  Object.fromEntries(
    Object.entries(labels ?? {})
      .filter(
        ([key]) => !/^(dev\.stackferry|com\.docker\.compose\.(config-hash|image|project\.|version|replace))/.test(key),
      )
      // In any order.
      .map(([key, value]) => [key, key.endsWith('.depends_on') ? value.split(',').toSorted().join() : value]),
  );

function containerView({ Id, Config, HostConfig, NetworkSettings, State, Mounts }: Inspected): Inspected {
  const { ContainerIDFile, ConsoleSize, ...host } = HostConfig;
  // Its own id, or that of the container whose network it is in.
  const hostname = /^[0-9a-f]{12}$/.test(Config.Hostname) ? null : Config.Hostname;
  return {
    // A stopped one is only created where it arrives.
    status: State.Status === 'created' ? 'exited' : State.Status,
    config: { ...Config, Hostname: hostname, Env: Config.Env?.toSorted(), Labels: ownLabels(Config.Labels) },
    host: { ...host, Mounts: byTarget(host.Mounts) },
    mounts: (Mounts as Inspected[])
      .map(({ Type, Name, Destination, RW, Propagation, Mode }) => ({
        ...{ Type, Name, Destination, RW, Propagation },
        Mode: isAnonymous(Name ?? '') ? '' : Mode,
      }))
      .toSorted(byDestination),
    networks: Object.fromEntries(
      Object.entries(NetworkSettings.Networks as Inspected).map(([network, { IPAMConfig, Aliases, Links }]) => [
        network,
        { IPAMConfig, Links, Aliases: (Aliases ?? []).filter((alias: string) => !Id.startsWith(alias)) },
      ]),
    ),
  };
}

/** Lists that Compose and the Engine write in any order. */
const inOrder = ({ host, ...view }: Inspected): Inspected => ({
  ...view,
  host: {
    ...host,
    Binds: (host.Binds ?? []).toSorted(),
    Ulimits: (host.Ulimits ?? []).toSorted((one: Inspected, other: Inspected) => one.Name.localeCompare(other.Name)),
  },
});

const isAnonymous = (name: string) => /^[0-9a-f]{64}$/.test(name);

/** Without anonymous volumes, which a container that took over another's names here, and a first one does not. */
const byTarget = (mounts: Inspected[] | undefined) =>
  (mounts ?? [])
    .filter(({ Type, Source = '' }) => Type !== 'volume' || (Source !== '' && !isAnonymous(Source)))
    .toSorted((one, other) => one.Target.localeCompare(other.Target));
const byDestination = (one: Inspected, other: Inspected) => one.Destination.localeCompare(other.Destination);

const networkView = (
  { Name, Driver, Options, Internal, EnableIPv6, Attachable, Labels, IPAM }: Inspected,
  fixed: string[],
) => ({
  ...{ Driver, Options, Internal, EnableIPv6, Attachable, Labels: ownLabels(Labels) },
  IPAM: fixed.includes(Name) ? IPAM : IPAM.Driver,
});

/** Other containers' ids as their names, and paths without the host. */
function withoutIds(found: unknown, containers: Inspected[], root: string, host: HostName): Inspected {
  let text = JSON.stringify(found)
    .replaceAll(`${root}/stacks-${host}`, 'STACKS')
    .replaceAll(`${root}/there/`, `${root}/`);
  for (const { Id, Name } of containers) text = text.replaceAll(Id, Name);
  return JSON.parse(text);
}

/** By path, of directories and single files. */
async function fingerprints(paths: string[]): Promise<Map<string, string>> {
  const script = `for at; do
    if test -d "$at"; then
      cd "$at"
      find . -printf '%P %y %m %U:%G %s %T@ %n %l\\n' | LC_ALL=C sort
      find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
    else stat -c '%F %a %u:%g %s %Y' "$at"; sha256sum <"$at"; fi
    printf '\\0'
  done`;
  const printed = (await run('sh', ['-ec', script, 'fingerprints', ...paths])).split('\0');
  return new Map(paths.map((path, index) => [path, printed[index]!]));
}
