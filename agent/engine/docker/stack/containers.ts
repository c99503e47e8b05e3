import { z } from 'zod';
import type { ContainerPrior } from '../../../../schema/commands/parts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { ContainerState } from '../../engine.ts';
import { type DockerApi, filters, nothing } from '../api.ts';
import { composeLabels } from '../labels.ts';

const orEmpty = <T extends z.ZodType>(type: T) =>
  z
    .array(type)
    .nullish()
    .transform((list) => list ?? []);

/** The fields read of `GET /containers/{id}/json`. The environment is not among them. */
export const containerAnswer = z.object({
  Id: z.string(),
  Name: z.string(),
  /** Image id. */
  Image: z.string(),
  RestartCount: z.number(),
  SizeRw: z.number().optional(),
  State: z.object({
    Status: z.enum(['created', 'running', 'restarting', 'paused', 'exited', 'dead', 'removing']),
    ExitCode: z.number(),
    StartedAt: z.string(),
    Health: z.object({ Status: z.string() }).nullish(),
  }),
  Config: z.object({
    Image: z.string(),
    Labels: z
      .record(z.string(), z.string())
      .nullish()
      .transform((labels) => labels ?? {}),
    StopTimeout: z.number().nullish(),
    /** Times in nanoseconds. */
    Healthcheck: z
      .object({
        Test: orEmpty(z.string()),
        Interval: z.number().optional(),
        Timeout: z.number().optional(),
        Retries: z.number().optional(),
        StartPeriod: z.number().optional(),
      })
      .nullish(),
  }),
  HostConfig: z.object({
    RestartPolicy: z.object({ Name: z.string(), MaximumRetryCount: z.number() }),
    PortBindings: z
      .record(z.string(), orEmpty(z.object({ HostIp: z.string(), HostPort: z.string() })))
      .nullish()
      .transform((bindings) => bindings ?? {}),
  }),
  NetworkSettings: z.object({
    /** By network name. */
    Networks: z
      .record(
        z.string(),
        z
          .object({
            NetworkID: z.string().optional(),
            IPAddress: z.string().optional(),
            Aliases: z.array(z.string()).nullish(),
            IPAMConfig: z.unknown().optional(),
            Links: z.unknown().optional(),
            DriverOpts: z.unknown().optional(),
          })
          .nullable(),
      )
      .nullish()
      .transform((networks) => networks ?? {}),
  }),
  Mounts: orEmpty(
    z.object({
      Type: z.string(),
      Name: z.string().optional(),
      Source: z.string(),
      Destination: z.string(),
      Driver: z.string().optional(),
      RW: z.boolean().optional(),
    }),
  ),
});
export type Container = z.infer<typeof containerAnswer>;

export const containerSummary = z.object({
  Id: z.string(),
  Names: z.array(z.string()),
  Image: z.string(),
  State: z.string(),
  /** In words: `Exited (0) 5 minutes ago`. */
  Status: z.string().optional(),
  Labels: z.record(z.string(), z.string()),
  Ports: orEmpty(
    z.object({
      IP: z.string().optional(),
      PublicPort: z.number().optional(),
      PrivatePort: z.number(),
      Type: z.string(),
    }),
  ),
  Mounts: orEmpty(
    z.object({
      Type: z.string(),
      Name: z.string().optional(),
      Source: z.string().optional(),
      Destination: z.string().optional(),
      RW: z.boolean().optional(),
    }),
  ),
});
export type ContainerSummary = z.infer<typeof containerSummary>;

/** All containers, or those with this label (`name` or `name=value`); includes stopped ones. */
export async function listContainers(api: DockerApi, label?: string): Promise<ContainerSummary[]> {
  const adopted = await api.adopted();
  // The Engine does not know the labels of adopted containers.
  const wanted = label && adopted.size === 0 ? `&${filters({ label: [label] })}` : '';
  const list = await api.get(`/containers/json?all=true${wanted}`, z.array(containerSummary));
  const labelled = list.map((one) => ({ ...one, Labels: { ...one.Labels, ...adopted.get(one.Id) } }));
  return label ? labelled.filter(({ Labels }) => carries(Labels, label)) : labelled;
}

function carries(labels: Record<string, string>, label: string): boolean {
  const [name = '', ...value] = label.split('=');
  return value.length > 0 ? labels[name] === value.join('=') : name in labels;
}

/** A project's containers without one-off runs (`compose run`). */
export async function inspectProject(api: DockerApi, project: string, size = false): Promise<Container[]> {
  const list = await listContainers(api, `${composeLabels.project}=${project}`);
  const own = list.filter(({ Labels }) => Labels[composeLabels.oneOff] !== 'True');
  return inspectAll(
    api,
    own.map(({ Id }) => Id),
    size,
  );
}

/** Skips containers that no longer exist. */
export async function inspectAll(api: DockerApi, ids: string[], size = false): Promise<Container[]> {
  const found = await Promise.all(
    ids.map((id) => api.find(`/containers/${id}/json${size ? '?size=true' : ''}`, containerAnswer)),
  );
  const adopted = await api.adopted();
  return found
    .filter((container) => container !== null)
    .map((container) => {
      const { Id, Config } = container;
      return { ...container, Config: { ...Config, Labels: { ...Config.Labels, ...adopted.get(Id) } } };
    });
}

export function stateOf({ Id, Name, RestartCount, State, Config, HostConfig }: Container): ContainerState {
  const health = State.Health?.Status;
  return {
    id: Id,
    name: nameOf({ Name }),
    service: serviceOf({ Config }),
    state: State.Status,
    health: health === 'starting' || health === 'healthy' || health === 'unhealthy' ? health : null,
    exit_code: State.Status === 'exited' || State.Status === 'dead' ? State.ExitCode : null,
    restart_count: RestartCount,
    started_at: State.StartedAt,
    restart_policy: {
      name: HostConfig.RestartPolicy.Name || 'no',
      maximum_retry_count: HostConfig.RestartPolicy.MaximumRetryCount,
    },
  };
}

export async function setRestartPolicy(
  api: DockerApi,
  id: string,
  { name, maximum_retry_count }: ContainerPrior['restart_policy'],
): Promise<void> {
  const RestartPolicy = { Name: name, MaximumRetryCount: name === 'on-failure' ? maximum_retry_count : 0 };
  await api.post(`/containers/${id}/update`, { RestartPolicy }, nothing);
}

/**
 * Stops dependants before their dependencies, with each container's own timeout. With `graceMsMax` all at once, because
 * levels in sequence could take that long each. Returns the names of those that had to be killed (F25).
 */
export async function stopContainers(
  api: DockerApi,
  ids: string[],
  signal: AbortSignal,
  graceMsMax?: number,
): Promise<string[]> {
  const containers = await inspectAll(api, ids);
  const running = containers.filter(({ State }) => ['running', 'restarting', 'paused'].includes(State.Status));
  const killed: string[] = [];
  for (const level of graceMsMax === undefined ? levels(running).reverse() : [running]) {
    const results = await Promise.all(level.map((container) => stopContainer(api, container, signal, graceMsMax)));
    killed.push(...results.flat());
  }
  return killed;
}

async function stopContainer(
  api: DockerApi,
  { Id, Name, State, Config }: Container,
  signal: AbortSignal,
  graceMsMax?: number,
): Promise<string[]> {
  if (State.Status === 'paused') await api.post(`/containers/${Id}/unpause`, undefined, nothing);
  const seconds = stopSeconds(Config.StopTimeout, graceMsMax);
  const timeoutMs = (seconds < 0 ? limits.step.stoppingMsMax / 1000 : seconds) * 1000 + limits.agent.engineRequestMsMax;
  // An expired lease's stop is short, and must not queue behind stops of ten minutes.
  const waits = graceMsMax === undefined;
  await api.post(`/containers/${Id}/stop?t=${seconds}`, undefined, nothing, { timeoutMs, signal, waits });
  const [after] = await inspectAll(api, [Id]);
  // 137 means SIGKILL, which here only a stop timeout sends.
  return after?.State.ExitCode === 137 ? [nameOf({ Name })] : [];
}

/** Whole seconds, as the Engine requires; negative for a container that must never be killed. */
export function stopSeconds(own: number | null | undefined, graceMsMax?: number): number {
  const seconds = own ?? limits.agent.stopTimeoutSDefault;
  if (graceMsMax === undefined) return seconds;
  const most = Math.floor(graceMsMax / 1000);
  return seconds < 0 ? most : Math.min(seconds, most);
}

/** Succeeds if it is running already. */
export async function startContainer(api: DockerApi, id: string, signal: AbortSignal): Promise<void> {
  await api.post(`/containers/${id}/start`, undefined, nothing, { signal });
}

/** Skips containers that ended meanwhile, which can't be paused. */
export async function pauseContainers(api: DockerApi, containers: Container[]): Promise<void> {
  for (const { Id, State } of await inspectAll(
    api,
    containers.map(({ Id }) => Id),
  ))
    if (State.Status === 'running') await api.post(`/containers/${Id}/pause`, undefined, nothing);
}

export async function unpauseContainers(api: DockerApi, containers: Container[]): Promise<void> {
  for (const { Id, State } of containers)
    if (State.Status === 'paused') await api.post(`/containers/${Id}/unpause`, undefined, nothing);
}

/** `db:service_healthy:false,cache:service_started:true` → db, cache. */
function dependenciesOf({ Labels }: Container['Config']): string[] {
  const label = Labels[composeLabels.dependsOn] ?? '';
  return label.split(',').flatMap((entry) => entry.split(':')[0] || []);
}

/**
 * Sorts topologically: containers without dependencies first, then those that need only these, and so on. A cycle,
 * which Compose refuses, ends in one level.
 */
export function levels(containers: Container[]): Container[][] {
  const result: Container[][] = [];
  let rest = containers;
  while (rest.length > 0) {
    const waiting = new Set(rest.map(serviceOf));
    const ready = rest.filter(({ Config }) => !dependenciesOf(Config).some((service) => waiting.has(service)));
    const level = ready.length > 0 ? ready : rest;
    result.push(level);
    rest = rest.filter((container) => !level.includes(container));
  }
  return result;
}

/** Compose's number of the container among its service's. */
export const numberOf = ({ Config: { Labels } }: { Config: Pick<Container['Config'], 'Labels'> }): number =>
  Number(Labels[composeLabels.number] ?? 1);

/** The Engine puts a slash before it. */
export const nameOf = ({ Name }: { Name: string }): string => Name.replace(/^\//, '');

/** Its service in the Compose file; empty if Compose did not create it. */
export const serviceOf = ({ Config: { Labels } }: { Config: Pick<Container['Config'], 'Labels'> }): string =>
  Labels[composeLabels.service] ?? '';
