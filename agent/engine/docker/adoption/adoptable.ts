import { z } from 'zod';
import { recordOf } from '../facts/drift/values.ts';
import type { EngineInfo } from '../facts/engine-info.ts';

const record = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? {});
const list = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);

const configuration = z.object({
  Image: z.string().default(''),
  Env: list,
  Cmd: list,
  Entrypoint: list,
  Labels: record,
  User: z.string().default(''),
  WorkingDir: z.string().default(''),
  Hostname: z.string().default(''),
  Domainname: z.string().default(''),
  StopSignal: z.string().default(''),
  StopTimeout: z.number().nullish(),
  Tty: z.boolean().default(false),
  OpenStdin: z.boolean().default(false),
  NetworkDisabled: z.boolean().nullish(),
  Healthcheck: record,
  ExposedPorts: record,
  Volumes: record,
});
export const adoptableImage = z.object({ Config: configuration.nullish() });
export type ImageDefaults = Pick<z.infer<typeof configuration>, Exclude<keyof z.infer<typeof configuration>, 'Image'>>;

const endpoint = z.object({
  Aliases: list,
  IPAMConfig: record,
  DriverOpts: record,
  Links: list,
});

/** All of `GET /containers/{id}/json` that a Compose file can say. Environment values must not leave this directory's modules. */
export const adoptable = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  State: z.object({ Status: z.string() }),
  Config: configuration,
  HostConfig: z.record(z.string(), z.unknown()),
  NetworkSettings: z.object({
    Networks: z
      .record(z.string(), endpoint.nullable())
      .nullish()
      .transform((networks) => networks ?? {}),
  }),
  Mounts: z
    .array(
      z.object({
        Type: z.string(),
        Name: z.string().optional(),
        Source: z.string().default(''),
        Destination: z.string(),
        Mode: z.string().default(''),
        RW: z.boolean(),
        Propagation: z.string().default(''),
      }),
    )
    .nullish()
    .transform((mounts) => mounts ?? []),
});
export type Adoptable = z.infer<typeof adoptable>;

/** The container without the settings that this engine gives to each. */
export function withoutDefaults(container: Adoptable, usual: EngineInfo): Adoptable {
  const { Runtime, CgroupnsMode, LogConfig, NetworkMode } = container.HostConfig;
  const { Type, Config } = recordOf(LogConfig);
  const cgroups = usual.cgroupVersion === '2' ? 'private' : 'host';
  const { Hostname } = container.Config;
  const mode = String(NetworkMode);
  // A shared network brings its owner's name.
  const shared = mode.startsWith('container:') || (mode === 'host' && Hostname === usual.hostName);
  return {
    ...container,
    Config: { ...container.Config, Hostname: shared || container.Id.startsWith(Hostname) ? '' : Hostname },
    HostConfig: {
      ...container.HostConfig,
      ...(Runtime === usual.defaultRuntime ? { Runtime: '' } : {}),
      ...(CgroupnsMode === cgroups ? { CgroupnsMode: '' } : {}),
      ...(Type === usual.loggingDriver && Object.keys(recordOf(Config)).length === 0 ? { LogConfig: null } : {}),
    },
  };
}
