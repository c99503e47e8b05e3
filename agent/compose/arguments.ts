/** argv of `docker compose` calls, without the program. Pure, so that tests assert them to the letter. */

/** A project by where its files are; every path absolute. */
export interface ComposeProject {
  project: string;
  directory: string;
  configFiles: string[];
  envFiles: string[];
  /** Of every Compose call: what the shell that made the stack would have given it. */
  environment: Record<string, string>;
}

/** Naming services also activates the profiles they are in. */
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
 * The normalised model, of all services or of those named and what they depend on. It holds the values of `.env`, so what
 * it prints never leaves this host.
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

/** `service hash` a line: what Compose would write on a container that it made now. */
export const hashArguments = (socket: string, project: ComposeProject): string[] => [
  ...base(socket, project),
  '--profile',
  '*',
  'config',
  '--hash',
  '*',
];

/** The services that ran and how many containers of each: neither more nor others, whatever the file says. */
export interface WhatRuns {
  services: string[];
  scale?: Record<string, number> | undefined;
}

const exactly = ({ services, scale = {} }: WhatRuns): string[] => [
  '--no-deps',
  '--no-build',
  '--pull',
  'never',
  '--no-recreate',
  ...services.flatMap((service) => (service in scale ? ['--scale', `${service}=${scale[service]}`] : [])),
  ...services,
];

/** `create` has no `--no-deps`. */
export const createArguments = (socket: string, project: ComposeProject, what: WhatRuns): string[] => [
  ...base(socket, project),
  'up',
  '--no-start',
  ...exactly(what),
];

/** Never creates: `up` would. It starts in the order of dependencies. */
export const startArguments = (socket: string, project: ComposeProject, services: string[]): string[] => [
  ...base(socket, project),
  'start',
  ...services,
];

/** For a stack that runs without services that it depends on: `start` refuses it. */
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
