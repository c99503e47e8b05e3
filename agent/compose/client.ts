import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { z } from 'zod';
import { limits } from '../../schema/limits.ts';
import { dockerConfigDir } from '../docker-config-dir.ts';

const execute = promisify(execFile);

/** The client runs plugins out of its configuration's directory: never out of the home that a stack's files name. */
export const clientEnvironment = () => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  DOCKER_CONFIG: dockerConfigDir(),
});

/** Client → the file of its Compose plugin, as the client said last. */
const plugins = new Map<string, string>();

const answer = z.array(z.object({ Name: z.string(), Path: z.string(), Version: z.string().optional() }));

/**
 * Asks the client which Compose it runs, and runs that by itself from now on: the client starts two processes before it,
 * which takes longer than Compose does. A client that does not say goes on running it. Resolves to Compose's version, null
 * if the client does not say; never rejects.
 */
export async function learnPlugin(binary: string): Promise<string | null> {
  try {
    const { stdout } = await execute(binary, ['info', '--format', '{{json .ClientInfo.Plugins}}'], {
      env: clientEnvironment(),
      timeout: limits.agent.composeReadMsMax,
    });
    // One that does not work has no version.
    const found = answer.parse(JSON.parse(stdout)).find(({ Name, Version }) => Name === 'compose' && Version);
    if (!found?.Version) throw new Error('the client has no Compose');
    plugins.set(binary, found.Path);
    return found.Version;
  } catch {
    plugins.delete(binary);
    return null;
  }
}

/** What runs Compose with arguments of the client: the plugin, called as the client does, or the client. */
export function composeProgram(binary: string): { program: string; environment: Record<string, string> } {
  const plugin = plugins.get(binary);
  return plugin !== undefined && existsSync(plugin)
    ? { program: plugin, environment: { DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: binary } }
    : { program: binary, environment: {} };
}
