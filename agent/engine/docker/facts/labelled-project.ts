import { StackferryError } from '../../../../schema/errors.ts';
import type { ComposeProject } from '../../../compose/arguments.ts';
import { composeLabels, pathsIn } from '../labels.ts';
import type { Container } from '../stack/containers.ts';

const originOf = ({ Config: { Labels } }: Container) =>
  JSON.stringify([
    Labels[composeLabels.workingDir],
    ...pathsIn(Labels, composeLabels.configFiles),
    Labels[composeLabels.envFiles],
  ]);

/** A project's files, from Compose's labels on its containers. Throws `stack_not_found`. */
export function projectOf(name: string, containers: Container[]): ComposeProject {
  // Containers of one project may come from several runs of Compose with different files: the majority decides.
  const [most] = [...Map.groupBy(containers, originOf).values()].sort((one, other) => other.length - one.length);
  const labels = most?.[0]?.Config.Labels;
  if (!labels) throw new StackferryError('stack_not_found', `No container of a project named "${name}" is here.`);
  const directory = labels[composeLabels.workingDir] ?? '/';
  return {
    project: name,
    directory,
    configFiles: pathsIn(labels, composeLabels.configFiles),
    envFiles: pathsIn(labels, composeLabels.envFiles),
    environment: { PWD: directory },
  };
}
