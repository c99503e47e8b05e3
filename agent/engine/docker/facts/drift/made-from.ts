import { z } from 'zod';

/**
 * The compared parts of a container, its image and its service in the file. Environment values must not leave the
 * callers of this module.
 */

const list = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);
const map = <T extends z.ZodType>(type: T) =>
  z
    .record(z.string(), type)
    .nullish()
    .transform((value) => value ?? {});
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const count = z
  .number()
  .nullish()
  .transform((value) => value ?? 0);

const configuration = z.object({
  Image: text,
  Env: list,
  Cmd: list,
  Entrypoint: list,
  Labels: map(z.string()),
  User: text,
  WorkingDir: text,
  Hostname: text,
  Domainname: text,
  StopSignal: text,
  StopTimeout: z.number().nullish(),
  Tty: z.boolean().nullish(),
  OpenStdin: z.boolean().nullish(),
  Healthcheck: z.object({ Test: list, Interval: count, Timeout: count, StartPeriod: count, Retries: count }).nullish(),
});
export type Configuration = z.infer<typeof configuration>;
export const imageConfiguration = z.object({ Config: configuration.nullish() });

/** The compared fields of `GET /containers/{id}/json`. */
export const madeContainer = z.object({
  Id: z.string(),
  Name: z.string(),
  Config: configuration,
  HostConfig: z.object({
    NetworkMode: text,
    PidMode: text,
    IpcMode: text,
    UTSMode: text,
    UsernsMode: text,
    Privileged: z.boolean().nullish(),
    ReadonlyRootfs: z.boolean().nullish(),
    Init: z.boolean().nullish(),
    CapAdd: list,
    CapDrop: list,
    SecurityOpt: list,
    GroupAdd: list,
    Dns: list,
    DnsSearch: list,
    ExtraHosts: list,
    Sysctls: map(z.string()),
    Tmpfs: map(z.string()),
    ShmSize: count,
    Memory: count,
    NanoCpus: count,
    PidsLimit: count,
    CpuShares: count,
    CpuPeriod: count,
    CpuQuota: count,
    CpusetCpus: text,
    MemoryReservation: count,
    MemorySwap: count,
    MemorySwappiness: count,
    OomScoreAdj: count,
    OomKillDisable: z.boolean().nullish(),
    DnsOptions: list,
    DeviceCgroupRules: list,
    Runtime: text,
    CgroupParent: text,
    CgroupnsMode: text,
    StorageOpt: map(z.string()),
    Ulimits: z
      .array(z.object({ Name: z.string(), Soft: z.number(), Hard: z.number() }))
      .nullish()
      .transform((value) => value ?? []),
    Devices: z
      .array(z.object({ PathOnHost: z.string(), PathInContainer: z.string() }))
      .nullish()
      .transform((value) => value ?? []),
    PortBindings: map(z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable()),
    RestartPolicy: z.object({ Name: z.string(), MaximumRetryCount: z.number() }),
  }),
  NetworkSettings: z.object({ Networks: map(z.unknown()) }),
  Mounts: z.array(
    z.object({
      Type: z.string(),
      Name: z.string().optional(),
      Source: z.string(),
      Destination: z.string(),
      RW: z.boolean(),
    }),
  ),
});
export type MadeContainer = z.infer<typeof madeContainer>;

/** A service of the model with all that Compose prints of it. */
export type WholeService = Record<string, unknown>;

/** The named parts of the model that a service refers to. */
export interface ModelNames {
  /** Engine names by key. */
  volumes: Record<string, string>;
  networks: Record<string, string>;
  /** Host paths of file-based configs and secrets, by key; null for others, which are not mounted. */
  files: Record<'configs' | 'secrets', Record<string, string | null>>;
  /** Ids of the containers of another service. */
  containersOf(service: string): string[];
}
