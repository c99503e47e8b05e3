import { z } from 'zod';

/**
 * The fields read from `docker compose config --format json`. That output contains environment values too: only the
 * fields here are kept, and never those values.
 */
const text = z.string();
const labels = z.record(text, z.unknown()).optional();

const mount = z.object({
  type: text,
  source: text.optional(),
  target: text,
  read_only: z.boolean().optional(),
  volume: z.object({ subpath: text.optional() }).optional(),
});

const port = z.object({
  target: z.number(),
  published: z.union([text, z.number()]).optional(),
  protocol: text.optional(),
  host_ip: text.optional(),
});

/** An object plus the names of all its attributes in `keys`, including those not read here. */
const withKeys = <T extends z.ZodRawShape>(shape: T) =>
  z.preprocess(
    (value) => (value !== null && typeof value === 'object' ? { ...value, keys: Object.keys(value) } : value),
    z.object({ ...shape, keys: z.array(text) }),
  );

const file = withKeys({ file: text.optional(), environment: text.optional(), external: z.boolean().optional() });
export type FileModel = z.infer<typeof file>;

const mountedFile = z.object({ source: text });

const hook = z.object({ privileged: z.boolean().optional() });

const deviceReservation = z.object({
  driver: text.optional(),
  count: z.union([z.number(), text]).optional(),
  device_ids: z.array(text).optional(),
  capabilities: z.array(text).optional(),
});
export type DeviceReservation = z.infer<typeof deviceReservation>;

const service = withKeys({
  image: text.optional(),
  build: z.unknown().optional(),
  container_name: text.optional(),
  restart: text.optional(),
  deploy: z
    .object({
      replicas: z.number().optional(),
      restart_policy: z.object({ condition: text.optional(), max_attempts: z.number().optional() }).optional(),
      resources: z
        .object({ reservations: z.object({ devices: z.array(deviceReservation).optional() }).optional() })
        .optional(),
    })
    .optional(),
  ports: z.array(port).optional(),
  volumes: z.array(mount).optional(),
  volumes_from: z.array(text).optional(),
  external_links: z.array(text).optional(),
  logging: z.object({ options: z.record(text, z.unknown()).nullish() }).nullish(),
  configs: z.array(mountedFile).optional(),
  secrets: z.array(mountedFile).optional(),
  healthcheck: z.object({ disable: z.boolean().optional() }).optional(),
  privileged: z.boolean().optional(),
  network_mode: text.optional(),
  networks: z
    .record(text, z.object({ ipv4_address: text.optional(), ipv6_address: text.optional() }).nullable())
    .optional(),
  pid: text.optional(),
  ipc: text.optional(),
  userns_mode: text.optional(),
  cgroup: text.optional(),
  cgroup_parent: text.optional(),
  cap_add: z.array(text).optional(),
  security_opt: z.array(text).optional(),
  devices: z.array(z.union([text, z.object({ source: text })])).optional(),
  gpus: z.array(deviceReservation).optional(),
  device_cgroup_rules: z.array(text).optional(),
  use_api_socket: z.boolean().optional(),
  provider: z.unknown().optional(),
  post_start: z.array(hook).optional(),
  pre_stop: z.array(hook).optional(),
  depends_on: z.record(text, z.object({ condition: text.optional() })).optional(),
  runtime: text.optional(),
  platform: text.optional(),
});
export type ServiceModel = z.infer<typeof service>;

const none = <T extends z.ZodType>(type: T) =>
  z
    .record(text, type)
    .nullish()
    .transform((value) => value ?? {});

export const composeModel = z.object({
  name: text,
  services: none(service),
  volumes: none(
    z
      .object({
        name: text.optional(),
        external: z.boolean().optional(),
        driver: text.optional(),
        driver_opts: z.record(text, z.unknown()).optional(),
        labels,
      })
      .nullable(),
  ),
  networks: none(
    z
      .object({
        name: text.optional(),
        external: z.boolean().optional(),
        driver: text.optional(),
        driver_opts: z.record(text, z.unknown()).optional(),
        ipam: z.object({ config: z.array(z.object({ subnet: text.optional() })).nullish() }).optional(),
      })
      .nullable(),
  ),
  configs: none(file.nullable()),
  secrets: none(file.nullable()),
  /** Variables that the file uses but nothing sets: blank, or a default. */
  unset: z.array(text).default([]),
});
export type ComposeModel = z.infer<typeof composeModel>;

/** The engine's name of a volume or network: the file's, or the one that Compose makes of its key. */
export const engineName = (project: string, key: string, item: { name?: string | undefined } | null | undefined) =>
  item?.name ?? `${project}_${key}`;

export const emptyModel: ComposeModel = {
  name: '',
  services: {},
  volumes: {},
  networks: {},
  configs: {},
  secrets: {},
  unset: [],
};
