import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { agentPaths } from '../../schema/enrolment.ts';
import { errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

/**
 * Fetches the agent program that the control plane serves. Throws `command_failed`, or `digest_mismatch` if it is not the
 * requested one.
 */
export async function fetchProgram(controlUrl: string, sha256: string, signal: AbortSignal): Promise<Buffer> {
  const url = new URL(agentPaths.program, controlUrl);
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    const response = await fetch(url, { redirect: 'error', signal });
    if (!response.ok || !response.body) throw new Error(`it answers ${response.status}`);
    for await (const part of response.body) {
      bytes += part.length;
      if (bytes > limits.upgrade.programBytesMax) break;
      parts.push(Buffer.from(part));
    }
  } catch (cause) {
    const why = errorMessageOf(cause instanceof Error && cause.cause ? cause.cause : cause);
    throw new StackferryError('command_failed', `The host could not fetch ${url}: ${why}`, { cause });
  }
  const program = Buffer.concat(parts);
  const found = createHash('sha256').update(program).digest('hex');
  if (bytes <= limits.upgrade.programBytesMax && found === sha256) return program;
  throw new StackferryError(
    'digest_mismatch',
    `What the host got from ${url} is not the program that the control plane named (cut off, or changed on the way).`,
  );
}

/** Throws `command_failed` unless the program starts with this Node and reports this version. */
export async function assertRuns(file: string, version: string): Promise<void> {
  const { STACKFERRY_PROGRAMS: _, ...env } = process.env;
  const said = await promisify(execFile)(process.execPath, [file, '--version'], {
    timeout: limits.upgrade.trialRunMsMax,
    killSignal: 'SIGKILL',
    env,
  }).then(
    ({ stdout }) => stdout.trim(),
    (error: { stderr?: string; message: string }) =>
      (error.stderr || error.message)
        .trim()
        .split('\n')
        .find((line) => /Error/.test(line)) ?? error.message,
  );
  if (said === version) return;
  throw new StackferryError(
    'command_failed',
    `The new agent does not run on this host with Node ${process.versions.node}, so nothing was changed: ${said.slice(0, 300)}`,
  );
}
