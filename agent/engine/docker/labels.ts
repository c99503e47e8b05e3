import { resolve } from 'node:path';

/** Labels that say whose a thing is. */

/** On everything that a migration makes: helpers and volumes. */
export const migrationLabel = 'dev.stackferry.migration';

/** On helper containers: what each is for, and whose it is, told by the directory through which its agent talks to it. */
export const helperLabel = 'dev.stackferry.helper';
export const agentLabel = 'dev.stackferry.agent';

/** Compose's own, read to know a project's parts. */
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
} as const;

/**
 * The paths that a label lists. Compose separates them by commas, which absolute paths may hold too; its version 1 wrote
 * them relative to the working directory.
 */
export function pathsIn(labels: Record<string, string>, label: string): string[] {
  const list = labels[label] ?? '';
  const paths = list.split(list.startsWith('/') ? /,(?=\/)/ : ',').filter((path) => path !== '');
  return paths.map((path) => resolve(labels[composeLabels.workingDir] ?? '/', path));
}
