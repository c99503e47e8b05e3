import { z } from 'zod';
import { StackferryError } from '../../../schema/errors.ts';
import type { HostPower } from '../../../schema/facts.ts';
import { realOf } from '../../real-path.ts';
import type { DockerApi } from './api.ts';
import { listContainers } from './containers.ts';
import type { DockerContext } from './context.ts';
import { nameOfContainer } from './data/data-users.ts';
import { composeLabels, helperLabel } from './labels.ts';
import { type BindPlaces, isHarmlessOption, mountOptions, powerOfBind } from './powers.ts';
import { findVolumes, type Volume } from './volumes.ts';

const listed = z.array(z.string()).nullish();
const mode = z.string().nullish();

/** What of `GET /containers/{id}/json` reaches beyond the container. */
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
    Devices: z.array(z.object({ PathOnHost: z.string() })).nullish(),
  }),
  Mounts: z.array(z.object({ Type: z.string(), Name: z.string().optional(), Source: z.string() })),
});
type CreatedContainer = z.infer<typeof createdContainer>;

interface Asked {
  power: HostPower;
  detail: string;
}

/**
 * Judges the containers that Compose created, before any starts: what the Engine was told is what counts, however the file
 * was written. Throws `policy_refused`.
 */
export async function assertCreatedAllowed(
  context: Pick<DockerContext, 'api' | 'allow' | 'ownPaths'>,
  stack: { project: string; directory: string; containers: string[] },
): Promise<void> {
  const { api, allow } = context;
  const host = { directory: await realOf(stack.directory), own: await context.ownPaths() };
  const own = new Set(stack.containers);
  const containers = await Promise.all(
    stack.containers.map((id) => api.get(`/containers/${id}/json`, createdContainer)),
  );
  const foreign = await foreignVolumes(api, stack.project, own, volumesOf(containers));
  const isOrdinary = { own, hostCgroups: await givesHostCgroups(api) };
  for (const container of containers) {
    const asked = [...powersOfCreated(container, isOrdinary), ...(await powersOfItsMounts(container, host, foreign))];
    const refused = asked.filter(({ power }) => !allow.includes(power));
    if (refused.length === 0) continue;
    const words = refused.map(({ power, detail }) => `${power} (${detail})`).join(', ');
    throw new StackferryError(
      'policy_refused',
      `This host refuses the container ${container.Name.slice(1)}: ${words}.`,
    );
  }
}

const volumesOf = (containers: CreatedContainer[]) =>
  containers.flatMap(({ Mounts }) => Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : [])));

/** Where cgroups are of version 1, the Engine gives every container the host's unless told otherwise. */
async function givesHostCgroups(api: DockerApi): Promise<boolean> {
  const { SecurityOptions } = await api.get('/info', z.object({ SecurityOptions: listed }));
  return !(SecurityOptions ?? []).some((option) => option.startsWith('name=cgroupns'));
}

/** What asks for nothing: the stack's own containers, and what the Engine gives to all. */
interface Ordinary {
  own: ReadonlySet<string>;
  hostCgroups: boolean;
}

export function powersOfCreated(
  { HostConfig }: Pick<CreatedContainer, 'HostConfig'>,
  { own, hostCgroups }: Ordinary,
): Asked[] {
  const reachesOut = (value: string | null | undefined) =>
    value === 'host' || (value?.startsWith('container:') === true && !own.has(value.slice('container:'.length)));
  const when = (reaches: boolean, power: HostPower, detail: string) => (reaches ? [{ power, detail }] : []);
  const each = (values: string[] | null | undefined, power: HostPower) =>
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
      (HostConfig.SecurityOpt ?? []).filter((option) => !isHarmlessOption(option) && !isImplied(option, HostConfig)),
      'security_opt',
    ),
    ...each(
      (HostConfig.VolumesFrom ?? []).filter((from) => !own.has(from.split(':')[0] ?? '')),
      'host_path',
    ),
  ];
}

/** The Engine adds it to what shares a namespace of the host, which is a power of its own. */
const isImplied = (option: string, { Privileged, PidMode, IpcMode }: CreatedContainer['HostConfig']) =>
  option === 'label=disable' && (Privileged || PidMode === 'host' || IpcMode === 'host');

async function powersOfItsMounts(
  { Mounts }: CreatedContainer,
  host: BindPlaces,
  foreign: Map<string, string>,
): Promise<Asked[]> {
  const asked = await Promise.all(
    Mounts.map(async ({ Type, Name = '', Source }): Promise<Asked[]> => {
      const why = Type === 'volume' ? foreign.get(Name) : undefined;
      if (why) return [{ power: 'host_path', detail: why }];
      const power = Type === 'bind' ? powerOfBind(await realOf(Source), host) : null;
      return power ? [{ power, detail: Source }] : [];
    }),
  );
  return asked.flat();
}

/** Of these volumes, those that are not this stack's alone, with the reason. */
export async function foreignVolumes(
  api: DockerApi,
  project: string,
  own: ReadonlySet<string>,
  names: string[],
): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const [volumes, containers] = await Promise.all([findVolumes(api, names), listContainers(api)]);
  const others = containers.filter(({ Id, Labels }) => !own.has(Id) && !(helperLabel in Labels));
  const reason = ({ Name, Labels, Options }: Volume): string | null => {
    const maker = Labels[composeLabels.project];
    // One that this host's owner made, whatever its options, is theirs to give.
    if (maker === project && mountOptions.some((option) => option in Options))
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
