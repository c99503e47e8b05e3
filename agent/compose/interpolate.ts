import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { limits } from '../../schema/limits.ts';
import { type ComposeProject, configArguments } from './arguments.ts';
import type { Compose } from './project.ts';
import { runCompose } from './run.ts';

const answer = z.object({ 'x-texts': z.array(z.string()) });

/**
 * Interpolates variables in these texts as in the project's files. Lets Compose do it on a generated file, so that its
 * rules for defaults, escapes and `.env` are not duplicated here.
 */
export async function interpolate(
  { binary, socketPath }: Compose,
  project: ComposeProject,
  texts: string[],
  signal: AbortSignal,
): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'stackferry-compose-'));
  try {
    const file = join(directory, 'texts.json');
    await writeFile(file, JSON.stringify({ services: { none: { image: 'none' } }, 'x-texts': texts }));
    const { stdout } = await runCompose({
      binary,
      arguments: configArguments(socketPath, { ...project, configFiles: [file] }),
      environment: project.environment,
      timeoutMs: limits.agent.composeReadMsMax,
      signal,
    });
    return answer.parse(JSON.parse(stdout))['x-texts'];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
