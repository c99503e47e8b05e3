/** Arguments of the `wrangler` commands that Stackferry runs. Pure. */
export const databaseName = 'stackferry';
export const workerName = 'stackferry';

export const whoami = () => ['whoami', '--json'];
export const listDatabases = () => ['d1', 'list', '--json'];
export const createDatabase = () => ['d1', 'create', databaseName];
export const queueInfo = (queue: string) => ['queues', 'info', queue];
export const createQueue = (queue: string) => ['queues', 'create', queue];
export const listDeployments = (worker: string) => ['deployments', 'list', '--name', worker, '--json'];
/** The value is read from stdin. */
export const putSecret = (worker: string, secret: string) => ['secret', 'put', secret, '--name', worker];
export const deleteSecret = (worker: string, secret: string) => ['secret', 'delete', secret, '--name', worker];
export const query = (config: string, sql: string) => [
  ...['d1', 'execute', databaseName, '--remote', '--json', '--config', config],
  ...['--command', sql],
];
export const migrate = (config: string) => ['d1', 'migrations', 'apply', databaseName, '--remote', '--config', config];

export interface DeployArguments {
  config: string;
  /** Path of a JSON file; null if no secret is new. */
  secrets: string | null;
  domain: string | null;
  dryRun: boolean;
}

export const deploy = ({ config, secrets, domain, dryRun }: DeployArguments) => [
  ...['deploy', '--no-bundle', '--config', config],
  ...(secrets === null ? [] : ['--secrets-file', secrets]),
  ...(domain === null ? [] : ['--domain', domain]),
  ...(dryRun ? ['--dry-run'] : []),
];
