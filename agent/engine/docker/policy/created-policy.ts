import { z } from 'zod';
import { StackferryError } from '../../../../schema/errors.ts';
import type { HostPrivilege } from '../../../../schema/facts.ts';
import { boundDevice, hasMountOptions, optionMountOf } from '../../../../schema/option-mounts.ts';
import type { Arriving, Asked } from '../../../permissions/asked.ts';
import { remedy } from '../../../permissions/permissions.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerApi } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { nameOfContainer } from '../data/mount-sources.ts';
import { composeLabels, helperLabel, migrationLabel } from '../labels.ts';
import { listContainers } from '../stack/containers.ts';
import { findVolumes, type Volume } from '../stack/volumes.ts';
import { type BindContext, isHarmlessOption, privilegeOfBind } from './privileges.ts';

const listed = z.array(z.string()).nullish();
const mode = z.string().nullish();

/** The fields of `GET /containers/{id}/json` that reach beyond the container. */
const createdContainer = z.object({
  Id: z.string(),
  Name: z.string(),
  HostConfig: z.object({
    Privileged: z.boolean(),
    NetworkMode: mode,
    PidMode: mode,
    IpcMode: mode,
    UsernsMode: mode,
    CgroupnsMode: mode,
    CgroupParent: mode,
    CapAdd: listed,
    SecurityOpt: listed,
    DeviceCgroupRules: listed,
    VolumesFrom: listed,
    Links: listed,
    DeviceRequests: z.array(z.object({ Driver: z.string(), DeviceIDs: listed })).nullish(),
    Devices: z.array(z.object({ PathOnHost: z.string() })).nullish(),
  }),
  Mounts: z.array(
    z.object({ Type: z.string(), Name: z.string().optional(), Source: z.string(), RW: z.boolean().default(true) }),
  ),
});
type CreatedContainer = z.infer<typeof createdContainer>;

/**
 * Checks the containers that Compose created, before any starts: what counts is what the Engine got, however the file
 * was written. Throws `policy_refused`.
 */
export async function assertCreatedAllowed(
  context: Pick<DockerContext, 'api' | 'permissions' | 'ownPaths'>,
  stack: Arriving & { directory: string; containers: string[] },
): Promise<void> {
  const { api, permissions } = context;
  const [directory, ownPaths, found, permitted, hostCgroups] = await Promise.all([
    realOf(stack.directory),
    context.ownPaths(),
    Promise.all(stack.containers.map((id) => api.find(`/containers/${id}/json`, createdContainer))),
    permissions.of(stack),
    givesHostCgroups(api),
  ]);
  const host = { directory, own: ownPaths };
  // A stand-in that was recorded before Compose replaced it is gone.
  const containers = found.filter((container) => container !== null);
  const own = new Set(containers.flatMap(({ Id, Name }) => [Id, Name]));
  const names = volumesOf(containers);
  const [foreign, bound] = await Promise.all([
    foreignVolumes(api, stack.project, own, names),
    boundByStack(api, stack.project, names),
  ]);
  const isOrdinary = { own, hostCgroups };
  for (const container of containers) {
    const asked = [
      ...privilegesOfContainer(container, isOrdinary),
      ...(await privilegesOfMounts(container, host, { foreign, bound })),
    ];
    const refused = asked.filter((one) => !permitted.has(one));
    if (refused.length === 0) continue;
    const words = refused.map(({ power, detail }) => `${power} (${detail})`).join(', ');
    throw new StackferryError(
      'policy_refused',
      `This host refuses the container ${container.Name.slice(1)}: ${words}.${remedy(permitted, refused)}`,
    );
  }
}

const volumesOf = (containers: CreatedContainer[]) =>
  containers.flatMap(({ Mounts }) => Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : [])));

/** With cgroups v1, the Engine gives every container the host's cgroup namespace by default. */
async function givesHostCgroups(api: DockerApi): Promise<boolean> {
  const { SecurityOptions } = await api.get('/info', z.object({ SecurityOptions: listed }));
  return !(SecurityOptions ?? []).some((option) => option.startsWith('name=cgroupns'));
}

/** What needs no privilege: the stack's own containers, by id and name, and the Engine's defaults. */
interface Ordinary {
  own: ReadonlySet<string>;
  hostCgroups: boolean;
}

export function privilegesOfContainer(
  { HostConfig }: Pick<CreatedContainer, 'HostConfig'>,
  { own, hostCgroups }: Ordinary,
): Asked[] {
  const reachesOut = (value: string | null | undefined) =>
    value === 'host' || (value?.startsWith('container:') === true && !own.has(value.slice('container:'.length)));
  const when = (reaches: boolean, power: HostPrivilege, detail: string) => (reaches ? [{ power, detail }] : []);
  const each = (values: string[] | null | undefined, power: HostPrivilege) =>
    (values ?? []).map((detail) => ({ power, detail }));
  return [
    ...when(HostConfig.Privileged, 'privileged', 'privileged'),
    ...when(reachesOut(HostConfig.NetworkMode), 'host_network', `network ${HostConfig.NetworkMode}`),
    ...when(reachesOut(HostConfig.PidMode), 'host_pid', `pid ${HostConfig.PidMode}`),
    ...when(reachesOut(HostConfig.IpcMode), 'host_ipc', `ipc ${HostConfig.IpcMode}`),
    ...when(HostConfig.UsernsMode === 'host', 'host_userns', 'userns host'),
    ...when(HostConfig.CgroupnsMode === 'host' && !hostCgroups, 'cgroup', 'the host’s cgroups'),
    ...when(!!HostConfig.CgroupParent, 'cgroup', `cgroup_parent ${HostConfig.CgroupParent}`),
    ...each(HostConfig.CapAdd, 'cap_add'),
    ...each(HostConfig.DeviceCgroupRules, 'devices'),
    ...each(
      (HostConfig.Devices ?? []).map(({ PathOnHost }) => PathOnHost),
      'devices',
    ),
    ...each(
      (HostConfig.DeviceRequests ?? [])
        .filter(({ Driver }) => Driver === 'cdi')
        .flatMap(({ DeviceIDs }) => DeviceIDs ?? []),
      'devices',
    ),
    ...each(
      linksOnBridge(HostConfig).filter((link) => !own.has(link.split(':')[0] ?? '')),
      'host_network',
    ),
    ...each(
      (HostConfig.SecurityOpt ?? []).filter((option) => !isHarmlessOption(option) && !isImplied(option, HostConfig)),
      'security_opt',
    ),
    ...each(
      (HostConfig.VolumesFrom ?? [])
        .filter((from) => !own.has(from.split(':')[0] ?? ''))
        .map((from) => `volumes_from: container:${from}`),
      'host_path',
    ),
  ];
}

/** On the shared default bridge, a link passes on the environment of the other container. */
const linksOnBridge = ({ NetworkMode, Links }: CreatedContainer['HostConfig']) =>
  ['', 'default', 'bridge'].includes(NetworkMode ?? '') ? (Links ?? []) : [];

/** The Engine adds it to containers in a namespace of the host, which is a privilege of its own. */
const isImplied = (option: string, { Privileged, PidMode, IpcMode }: CreatedContainer['HostConfig']) =>
  option === 'label=disable' && (Privileged || PidMode === 'host' || IpcMode === 'host');

async function privilegesOfMounts(
  { Mounts }: CreatedContainer,
  host: BindContext,
  { foreign, bound }: Record<'foreign' | 'bound', Map<string, string>>,
): Promise<Asked[]> {
  const asked = await Promise.all(
    Mounts.map(async ({ Type, Name = '', Source, RW }): Promise<Asked[]> => {
      const why = Type === 'volume' ? foreign.get(Name) : undefined;
      if (why) return [{ power: 'host_path', detail: why }];
      const path = Type === 'bind' ? Source : Type === 'volume' ? bound.get(Name) : undefined;
      const real = path ? await realOf(path) : null;
      const power = real ? privilegeOfBind(real, !RW, host) : null;
      return power && real ? [{ power, detail: real }] : [];
    }),
  );
  return asked.flat();
}

/** Volume → the path that its options bind, of those that this stack's files describe or a migration made. */
async function boundByStack(api: DockerApi, project: string, names: string[]): Promise<Map<string, string>> {
  const own = (await findVolumes(api, names)).filter(
    ({ Labels }) => Labels[composeLabels.project] === project || migrationLabel in Labels,
  );
  return new Map(
    own.flatMap(({ Name, Driver, Options }) => {
      const device = boundDevice({ driver: Driver, options: Options });
      return device ? [[Name, device] as const] : [];
    }),
  );
}

/** Of these volumes, those that do not belong to this stack alone, with the reason. */
export async function foreignVolumes(
  api: DockerApi,
  project: string,
  own: ReadonlySet<string>,
  names: string[],
): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const [volumes, containers] = await Promise.all([findVolumes(api, names), listContainers(api)]);
  const others = containers.filter(({ Id, Labels }) => !own.has(Id) && !(helperLabel in Labels));
  const reason = ({ Name, Driver, Labels, Options }: Volume): string | null => {
    const maker = Labels[composeLabels.project];
    // A volume that this host's operator created may be used, whatever its options.
    const isBind = maker === project && boundDevice({ driver: Driver, options: Options }) !== null;
    const isTmpfs = optionMountOf({ driver: Driver, options: Options })?.kind === 'tmpfs';
    if (maker === project && !isBind && !isTmpfs && hasMountOptions(Options))
      return `volume ${Name}, a mount of its own`;
    if (maker !== undefined && maker !== project) return `volume ${Name} of the stack ${maker}`;
    const user = others.find(({ Mounts }) => Mounts.some((mount) => mount.Type === 'volume' && mount.Name === Name));
    return user ? `volume ${Name}, which ${nameOfContainer(user)} uses` : null;
  };
  return new Map(
    volumes.flatMap((volume) => {
      const why = reason(volume);
      return why ? [[volume.Name, why] as const] : [];
    }),
  );
}
