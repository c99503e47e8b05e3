import type { ComposeProject } from '../../compose/arguments.ts';
import { type Compose, readWholeServices } from '../../compose/project.ts';
import type { Container } from './containers.ts';
import { itemsOf, recordOf, textOf } from './drift/values.ts';
import { composeLabels } from './labels.ts';

/** Every shell sets these, and files use them as `~/keep` and `${PWD}/data`. No label of a container tells their values. */
const inferred = ['HOME', 'PWD'] as const;

const stand = (variable: string) => `/.stackferry-${variable.toLowerCase()}`;

/**
 * The variables of the shell that started the stack, as far as its mounts tell: Compose is asked with stand-ins for the
 * values, and what a container has mounted in their place is what they were. Those that the file does not use, or that
 * can't be told, are left out.
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
  const service = services[container.Config.Labels[composeLabels.service] ?? ''];
  return itemsOf(service?.volumes).flatMap((volume) => {
    const { source, target } = recordOf(volume);
    const path = textOf(source);
    if (path !== standIn && !path.startsWith(`${standIn}/`)) return [];
    const rest = path.slice(standIn.length);
    const mount = container.Mounts.find(({ Destination }) => Destination === target);
    return mount?.Source.endsWith(rest) ? [mount.Source.slice(0, mount.Source.length - rest.length) || '/'] : [];
  });
}
