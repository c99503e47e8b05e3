import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the Docker client of the agent's user has its configuration: plugins, registry logins. */
export const dockerConfigDir = (): string => process.env.DOCKER_CONFIG || join(homedir(), '.docker');
