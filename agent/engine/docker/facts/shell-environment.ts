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

/**
 * Infers the variables of the shell that started the stack from its mounts: Compose resolves the file with placeholders
 * as values, and what a container has mounted in their place is the value. Omits variables that the file does not use
 * or that are ambiguous.
 */
export async function shellEnvironment(
  compose: Compose,
  project: ComposeProject,
  containers: Container[],
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const environment = Object.fromEntries(inferred.map((variable) => [variable, stand(variable)]));
  const services = await readWholeServices(compose, { ...project, environment }, signal);
  const found = inferred.flatMap((variable) => {
    const values = new Set(containers.flatMap((container) => valuesIn(services, container, stand(variable))));
    const [value] = values;
    return values.size === 1 && value !== undefined ? [[variable, value]] : [];
  });
  return Object.fromEntries(found);
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
