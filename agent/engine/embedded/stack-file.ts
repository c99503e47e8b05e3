import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';

/** The embedded engine's compose file: a small JSON subset, in the project directory. */
export const stackFileName = 'compose.json';

const name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/);

const probe = {
  interval_ms: z.number().int().min(50).default(limits.agent.embedded.probeIntervalMs),
  retries: z.number().int().min(1).default(limits.agent.embedded.probeRetries),
};
const healthcheck = z.union([
  z.strictObject({ http_port: z.number().int(), path: z.string().default('/'), ...probe }),
  z.strictObject({ command: z.array(z.string()).min(1), ...probe }),
]);
export type Healthcheck = z.infer<typeof healthcheck>;

export const serviceFile = z.strictObject({
  /** Names only: processes need no image. Every name that begins with `embedded/` exists on every host. */
  image: z.string().default('embedded/node'),
  /**
   * A program and its arguments. `node` is this Node; `${volumes.NAME}` a volume's path, as is the variable
   * VOLUME_NAME.
   */
  command: z.array(z.string()).min(1),
  /** `name:path`; the path is documentation only, a process sees the volume at its real path. */
  volumes: z.array(z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*:.+$/)).default([]),
  ports: z.array(z.number().int().min(1).max(65_535)).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  restart: z.enum(['no', 'always', 'unless-stopped', 'on-failure']).default('no'),
  depends_on: z.array(name).default([]),
  healthcheck: healthcheck.nullable().default(null),
  /** A job: it exits by itself, with code 0. */
  one_shot: z.boolean().default(false),
  stop_grace_ms: z
    .number()
    .int()
    .min(0)
    .default(limits.agent.stopTimeoutSDefault * 1000),
});
export type ServiceFile = z.infer<typeof serviceFile>;

export const stackFile = z.strictObject({
  services: z.record(name, serviceFile),
  volumes: z.record(name, z.strictObject({ external: z.boolean().default(false) })).default({}),
});
export type StackFile = z.infer<typeof stackFile>;

/** Throws `compose_failed` with the error in the file. */
export async function readStackFile(directory: string): Promise<StackFile> {
  const path = join(directory, stackFileName);
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > limits.agent.embedded.stackFileBytesMax) throw new Error('it is too large');
    return stackFile.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new StackferryError('compose_failed', `${path} cannot be used: ${why}`, { cause });
  }
}

/** The engine's name of a volume, as Compose derives it. */
export function volumeNameOf(project: string, key: string, file: StackFile): string {
  return file.volumes[key]?.external ? key : `${project}_${key}`;
}

/** The keys of the volumes that a service mounts. */
export function volumeKeysOf(service: Pick<ServiceFile, 'volumes'>): string[] {
  return service.volumes.map((mount) => mount.slice(0, mount.indexOf(':')));
}

/** Services in start order, after their dependencies. Throws `compose_failed` for a cycle. */
export function startOrder(services: Record<string, Pick<ServiceFile, 'depends_on'>>): string[] {
  const order: string[] = [];
  const visit = (service: string, path: string[]) => {
    if (order.includes(service) || !services[service]) return;
    if (path.includes(service))
      throw new StackferryError(
        'compose_failed',
        `Services depend on each other in a circle: ${[...path, service].join(', ')}`,
      );
    for (const other of services[service].depends_on) visit(other, [...path, service]);
    order.push(service);
  };
  for (const service of Object.keys(services).sort()) visit(service, []);
  return order;
}
