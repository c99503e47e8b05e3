import type { ComposeProject } from '../../../compose/arguments.ts';
import { type Compose, readWholeServices } from '../../../compose/project.ts';
import type { Container } from '../stack/containers.ts';
import { serviceOf } from '../stack/containers.ts';
import { itemsOf, recordOf, textOf } from './drift/values.ts';

/**
 * Every shell sets these, and files use them in `~/keep` and `${PWD}/data`. No label of a container holds their values.
 */
const inferred = ['HOME', 'PWD'] as const;

const stand = (variable: string) => `/.stackferry-${variable.toLowerCase()}`;

interface Inferred {
  values: Record<string, string>;
  /** Used by the file, but no mount tells their values, or several do differently. */
  unknown: string[];
}

export const nothingInferred: Inferred = { values: {}, unknown: [] };

/**
 * Infers the variables of the shell that started the stack from its mounts: Compose resolves the file with placeholders
 * as values, and what a container has mounted in their place is the value. Leaves those that are `given` as they are.
 */
export async function shellEnvironment(
  compose: Compose,
  project: ComposeProject,
  given: Record<string, string>,
  containers: Container[],
  signal: AbortSignal,
): Promise<Inferred> {
  const wanted = inferred.filter((variable) => !(variable in given));
  const stands = Object.fromEntries(wanted.map((variable) => [variable, stand(variable)]));
  const environment = { ...project.environment, ...stands };
  const services = await readWholeServices(compose, { ...project, environment }, signal);
  const written = JSON.stringify(services);
  const found = wanted.map((variable) => {
    const values = new Set(containers.flatMap((container) => valuesIn(services, container, stand(variable))));
    return { variable, value: values.size === 1 ? [...values][0] : undefined };
  });
  return {
    values: Object.fromEntries(
      found.flatMap(({ variable, value }) => (value === undefined ? [] : [[variable, value]])),
    ),
    unknown: found.flatMap(({ variable, value }) =>
      value === undefined && written.includes(stand(variable)) ? [variable] : [],
    ),
  };
}

function valuesIn(services: Record<string, Record<string, unknown>>, container: Container, standIn: string): string[] {
  const service = services[serviceOf(container)];
  return itemsOf(service?.volumes).flatMap((volume) => {
    const { source, target } = recordOf(volume);
    const path = textOf(source);
    if (path !== standIn && !path.startsWith(`${standIn}/`)) return [];
    const rest = path.slice(standIn.length);
    const mount = container.Mounts.find(({ Destination }) => Destination === target);
    return mount?.Source.endsWith(rest) ? [mount.Source.slice(0, mount.Source.length - rest.length) || '/'] : [];
  });
}
