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
  dependsOn: 'com.docker.compose.depends_on',
} as const;

/** Paths of a label that lists them. Compose separates them by commas, which absolute paths may hold too. */
export function pathsIn(label = ''): string[] {
  return label.split(label.startsWith('/') ? /,(?=\/)/ : ',').filter((path) => path !== '');
}
