import { resolve } from 'node:path';

/** On everything that a migration creates: helpers and volumes. */
export const migrationLabel = 'dev.stackferry.migration';

/** On helper containers: the purpose, and the owning agent, identified by its directory for helper I/O. */
export const helperLabel = 'dev.stackferry.helper';
export const agentLabel = 'dev.stackferry.agent';

/** On the container of a lease guard or a connection holder: the state directory that it serves. */
export const guardLabel = 'dev.stackferry.guard';

/** On helper images that an agent built: the agent's version. */
export const helperImageLabel = 'dev.stackferry.helper-image';

/** Compose's own labels, which identify a project's parts. */
export const composeLabels = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  number: 'com.docker.compose.container-number',
  oneOff: 'com.docker.compose.oneoff',
  workingDir: 'com.docker.compose.project.working_dir',
  configFiles: 'com.docker.compose.project.config_files',
  envFiles: 'com.docker.compose.project.environment_file',
  configHash: 'com.docker.compose.config-hash',
  version: 'com.docker.compose.version',
  dependsOn: 'com.docker.compose.depends_on',
  /** On a container that replaces another. */
  replaces: 'com.docker.compose.replace',
} as const;

/** Paths as the process that ran Compose had them; `directory` is empty if no label tells. */
export interface LabelledFiles {
  directory: string;
  configFiles: string[];
  envFiles: string[];
}

/**
 * Where the labels say that a project's files are. Only `path-maps/project-paths.ts` calls this: it finds them on this
 * host.
 */
export const labelledFiles = (labels: Record<string, string>): LabelledFiles => ({
  directory: labels[composeLabels.workingDir] ?? '',
  configFiles: pathsIn(labels, composeLabels.configFiles),
  envFiles: pathsIn(labels, composeLabels.envFiles),
});

/** Compose separates paths by commas, which absolute ones may contain too; Compose v1 wrote relative ones. */
function pathsIn(labels: Record<string, string>, label: string): string[] {
  const list = labels[label] ?? '';
  const paths = list.split(list.startsWith('/') ? /,(?=\/)/ : ',').filter((path) => path !== '');
  return paths.map((path) => resolve(labels[composeLabels.workingDir] ?? '/', path));
}
