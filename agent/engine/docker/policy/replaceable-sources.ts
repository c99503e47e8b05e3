import { boundDevice } from '../../../../schema/option-mounts.ts';
import type { ComposeModel, ServiceModel } from '../../../compose/model.ts';
import { isInside } from '../../../compose/project.ts';

interface BindSource {
  path: string;
  /** The service writes to it. */
  writable: boolean;
}

/**
 * Service → why one of its bind sources can be replaced: it is below a directory that a container of the stack writes.
 * That container can put a link to anything on the host there, and the engine follows it at the next start.
 */
export function replaceableSources(model: ComposeModel): Map<string, string[]> {
  const sources = Object.entries(model.services).map(([name, service]) => [name, bindSources(service, model)] as const);
  const written = sources.flatMap(([name, own]) =>
    own.filter(({ writable }) => writable).map((bind) => ({ name, bind })),
  );
  return new Map(
    sources.map(([name, own]) => [
      name,
      own.flatMap(({ path }) => {
        const above = written.find(({ bind }) => bind.path !== path && isInside(bind.path, path));
        return above ? [`${path}, below ${above.bind.path}, which service ${above.name} can write`] : [];
      }),
    ]),
  );
}

/** Compose also bind-mounts the files of configs and secrets. */
function bindSources(service: ServiceModel, { configs, secrets, volumes }: ComposeModel): BindSource[] {
  const binds = (service.volumes ?? []).flatMap(({ type, source = '', read_only = false }) => {
    const { driver, driver_opts = {} } = volumes[source] ?? {};
    const path = type === 'volume' ? boundDevice({ driver, options: driver_opts }) : type === 'bind' ? source : null;
    return path ? [{ path, writable: !read_only }] : [];
  });
  const files = [
    ...(service.configs ?? []).map(({ source }) => configs[source]?.file),
    ...(service.secrets ?? []).map(({ source }) => secrets[source]?.file),
  ];
  return [...binds, ...files.flatMap((path) => (path ? [{ path, writable: false }] : []))];
}
