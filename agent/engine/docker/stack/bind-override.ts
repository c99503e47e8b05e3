import { rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import type { BindOverride, Deployment } from '../../../../schema/deployment.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import { type Compose, isInside, readWholeServices } from '../../../compose/project.ts';
import { projectOn } from './deployment.ts';

/** First line of our file, by which a later move recognises it. */
export const overrideHeader =
  '# Written by Stackferry when it moved this stack: the places of its bind mounts on this host.';

const service = z.object({
  volumes: z.array(z.looseObject({ type: z.string(), source: z.string().optional(), target: z.string() })).default([]),
  volumes_from: z.array(z.string()).default([]),
});
type Service = z.infer<typeof service>;
type Mount = Service['volumes'][number];

/** `replaces`: the project has a file of ours from an earlier move, which this one takes the place of. */
type Arrival = Pick<Deployment, 'source_dir' | 'target_dir'> & { replaces: boolean };

/**
 * Writes a Compose file beside the stack's own that gives bind mounts their sources on this host; everything else about
 * them stays as the files say. The project keeps it, and later moves carry it.
 */
export async function writeBindOverride(
  compose: Compose,
  deployment: Deployment,
  override: BindOverride,
  signal: AbortSignal,
): Promise<void> {
  if (!/^[a-z][\w.-]*\.ya?ml$/.test(override.file))
    throw new StackferryError('invalid_request', `"${override.file}" is not a name for a Compose file.`);
  const services = await readWholeServices(compose, projectOn({ ...deployment, override: null }), signal);
  const models = Object.entries(services).map(([name, model]) => [name, service.parse(model)] as const);
  // Another one of ours is replaced, with all that it said.
  const replaces = projectOn(deployment).configFiles.includes(join(deployment.target_dir, override.file));
  const text = overrideText(override, new Map(models), { ...deployment, replaces });
  const path = join(deployment.target_dir, override.file);
  // An earlier try's, or a link in what arrived: it is replaced, not followed.
  await rm(path, { force: true });
  await writeFile(path, text, { flag: 'wx', mode: 0o644 });
}

/** `services`: those of the stack's own files, as Compose reads them on the target. */
export function overrideText(override: BindOverride, services: Map<string, Service>, about: Arrival): string {
  assertAllThere(override, services);
  const lines = [...services].flatMap(([name, { volumes }]) => {
    const moved = volumes.flatMap((mount) => {
      const source = mount.type === 'bind' ? sourceOf(override, name, mount, about) : null;
      return source === null ? [] : [`      - ${quoted({ ...mount, source })}`];
    });
    return moved.length > 0 ? [`  ${quoted(name)}:`, '    volumes:', ...moved] : [];
  });
  const volumes = override.volumes.map(({ key, device }) => `  ${quoted(key)}: ${quoted({ driver_opts: { device } })}`);
  // Compose takes no empty value for a mapping.
  const head = [overrideHeader, lines.length > 0 ? 'services:' : 'services: {}'];
  return [...head, ...lines, ...(volumes.length > 0 ? ['volumes:', ...volumes] : []), ''].join('\n');
}

/** Null if the files say it right already. */
function sourceOf(
  { mounts, places }: BindOverride,
  service: string,
  { target, source = '' }: Mount,
  { source_dir, target_dir, replaces }: Arrival,
): string | null {
  const known = mounts.find((one) => one.service === service && one.target === resolve('/', target));
  if (known) return known.source;
  // It may be written as a relative path, which leads elsewhere from here than from the source's directory.
  for (const path of [source, resolve(source_dir, relative(target_dir, source))]) {
    const at = places.find((one) => isInside(one.path, path));
    if (at) return join(at.place, relative(at.path, path));
  }
  return replaces && !isInside(target_dir, source) ? source : null;
}

/** A service may have a mount from another service, which gets it. */
function assertAllThere({ mounts }: BindOverride, services: Map<string, Service>): void {
  for (const { service, target } of mounts) {
    const { volumes = [], volumes_from = [] } = services.get(service) ?? {};
    const isThere = volumes.some((one) => one.type === 'bind' && resolve('/', one.target) === target);
    if (isThere || volumes_from.length > 0) continue;
    throw new StackferryError(
      'compose_failed',
      `The files of the stack mount nothing at ${target} of service ${service}, so its data can't be given there.`,
    );
  }
}

/** JSON is YAML too. Compose reads a dollar as the beginning of a variable. */
const quoted = (value: unknown): string => JSON.stringify(value).replaceAll('$', '$$$$');
