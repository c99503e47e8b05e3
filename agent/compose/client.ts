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

/** Client → its Compose plugin, as the client said last. */
const plugins = new Map<string, { path: string; version: string }>();

const listed = z.array(z.object({ Name: z.string(), Path: z.string(), Version: z.string().optional() }));
const metadata = z.object({ Version: z.string() });

/**
 * Asks the client which Compose it runs, and runs that by itself from now on: the client starts two processes before it,
 * which takes longer than Compose does. A client that does not say goes on running it. Resolves to Compose's version, null
 * if the client does not say; never rejects.
 */
export async function learnPlugin(binary: string): Promise<string | null> {
  const before = plugins.get(binary);
  try {
    const said = await ask(binary, ['info', '--format', '{{json .ClientInfo.Plugins}}'], listed);
    // One that does not work has no version.
    const { Path: path, Version: version } = said.find(({ Name, Version }) => Name === 'compose' && Version) ?? {};
    if (!path || !version) throw new Error('the client has no Compose');
    // A confined client (snap) may see another file at that path.
    const isSame = before?.path === path && before.version === version;
    if (!isSame && (await ask(path, ['docker-cli-plugin-metadata'], metadata)).Version !== version)
      throw new Error('its Compose is another one');
    plugins.set(binary, { path, version });
    return version;
  } catch {
    plugins.delete(binary);
    return null;
  }
}

async function ask<T extends z.ZodType>(program: string, args: string[], answer: T): Promise<z.infer<T>> {
  const options = { env: clientEnvironment(), timeout: limits.agent.composeReadMsMax };
  const { stdout } = await execute(program, args, options);
  return answer.parse(JSON.parse(stdout));
}

/** What runs Compose with arguments of the client: the plugin, called as the client does, or the client. */
export function composeProgram(binary: string): { program: string; environment: Record<string, string> } {
  const path = plugins.get(binary)?.path;
  return path !== undefined && existsSync(path)
    ? { program: path, environment: { DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: binary } }
    : { program: binary, environment: {} };
}
