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

/** Tells on stderr what would be recreated, and does nothing. */
export const dryRunArguments = (socket: string, project: ComposeProject, services: string[]): string[] => [
  ...base(socket, project),
  '--dry-run',
  'create',
  '--no-build',
  '--pull',
  'never',
  ...services,
];

export const createArguments = (socket: string, project: ComposeProject, services: string[]): string[] => [
  ...base(socket, project),
  'create',
  '--no-build',
  '--pull',
  'never',
  '--no-recreate',
  ...services,
];

/** Never creates: `up` would, and would recreate what differs. It starts in the order of dependencies. */
export const startArguments = (socket: string, project: ComposeProject, services: string[]): string[] => [
  ...base(socket, project),
  'start',
  ...services,
];

export const versionArguments = (socket: string): string[] => [
  '-H',
  `unix://${socket}`,
  'compose',
  'version',
  '--short',
];
