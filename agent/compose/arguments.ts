/** argv of `docker compose` calls, without the program. Pure, so that tests assert them literally. */

/** Location of a project's files; every path absolute. */
export interface ComposeProject {
  project: string;
  directory: string;
  configFiles: string[];
  envFiles: string[];
  /** Environment of every Compose call: what the shell that started the stack would have set. */
  environment: Record<string, string>;
}

/** Naming services also activates their profiles. */
function base(socketPath: string, { project, directory, configFiles, envFiles }: ComposeProject): string[] {
  return [
    '-H',
    `unix://${socketPath}`,
    'compose',
    '--ansi',
    'never',
    '--progress',
    'plain',
    '-p',
    project,
    '--project-directory',
    directory,
    ...configFiles.flatMap((file) => ['-f', file]),
    ...envFiles.flatMap((file) => ['--env-file', file]),
  ];
}

/**
 * Prints the normalised model, of all services or of those named and their dependencies. It contains values of `.env`,
 * so the output never leaves this host.
 */
export const configArguments = (socket: string, project: ComposeProject, services: string[] = []): string[] => [
  ...base(socket, project),
  '--profile',
  '*',
  'config',
  '--format',
  'json',
  ...services,
];

/** Prints `service hash` lines: the config hash Compose would label a container with if it created it now. */
export const hashArguments = (socket: string, project: ComposeProject): string[] => [
  ...base(socket, project),
  '--profile',
  '*',
  'config',
  '--hash',
  '*',
];

/** The services that ran and their numbers of containers, which override the file. */
export interface WhatRuns {
  services: string[];
  scale?: Record<string, number> | undefined;
  /** Containers that the files would make otherwise are replaced. */
  replaces?: boolean;
}

const exactly = ({ services, scale = {}, replaces = false }: WhatRuns): string[] => [
  '--no-deps',
  '--no-build',
  '--pull',
  'never',
  ...(replaces ? [] : ['--no-recreate']),
  ...services.flatMap((service) => (service in scale ? ['--scale', `${service}=${scale[service]}`] : [])),
  ...services,
];

/** Uses `up --no-start`: `create` has no `--no-deps`. */
export const createArguments = (socket: string, project: ComposeProject, what: WhatRuns): string[] => [
  ...base(socket, project),
  'up',
  '--no-start',
  ...exactly(what),
];

/** Unlike `up`, never creates containers. Starts in dependency order. */
export const startArguments = (socket: string, project: ComposeProject, services: string[]): string[] => [
  ...base(socket, project),
  'start',
  ...services,
];

/** For a stack that runs without services it depends on: `start` refuses it. */
export const startWithoutDependenciesArguments = (
  socket: string,
  project: ComposeProject,
  what: WhatRuns,
): string[] => [...base(socket, project), 'up', '--detach', ...exactly(what)];

export const versionArguments = (socket: string): string[] => [
  '-H',
  `unix://${socket}`,
  'compose',
  'version',
  '--short',
];
