import { execFile } from 'node:child_process';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

export interface ComposeRun {
  binary: string;
  arguments: string[];
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Runs `docker compose` and resolves to what it printed. Standard input is closed: some versions ask questions. Rejects with
 * `compose_failed`; its message is Compose's last line with whatever may be a value cut out, since Compose quotes what it
 * can't read.
 */
export function runCompose({
  binary,
  arguments: args,
  timeoutMs,
  signal,
}: ComposeRun): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      binary,
      args,
      {
        timeout: timeoutMs,
        signal,
        maxBuffer: limits.agent.composeOutputBytesMax,
        cwd: '/',
        env: { PATH: process.env.PATH, HOME: process.env.HOME, DOCKER_CONFIG: process.env.DOCKER_CONFIG, ...offline },
      },
      (error, stdout, stderr) => {
        if (!error) {
          resolve({ stdout, stderr });
          return;
        }
        const [verb = 'compose'] = args.filter((arg) => verbs.has(arg));
        if (signal.aborted) reject(signal.reason);
        else reject(new StackferryError('compose_failed', `docker compose ${verb}: ${complaintOf(stderr, error)}`));
      },
    );
    child.stdin?.end();
  });
}

/** However a file spells an `include` of elsewhere, Compose must not fetch it: only what is on this disk counts (B36). */
const offline = { COMPOSE_EXPERIMENTAL_GIT_REMOTE: 'false', COMPOSE_EXPERIMENTAL_OCI_REMOTE: 'false' };

const verbs = new Set(['config', 'create', 'start', 'version']);

function complaintOf(stderr: string, error: Error & { code?: unknown; killed?: boolean }): string {
  if (error.killed) return 'it did not end in time';
  if (error.code === 'ENOENT') return 'the docker client is not there; name it with --docker-binary';
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'the file expands beyond all measure';
  const line =
    stderr
      .trim()
      .split('\n')
      .filter((text) => !text.includes('level=warning'))
      .at(-1) ?? '';
  return withoutValues(line).slice(0, 400) || 'it failed without a word';
}

/** Quoted text and the right of an equals sign may be values of the environment. Names of files and services stay. */
export function withoutValues(line: string): string {
  return line.replace(/=("[^"]*"|'[^']*'|\S+)/g, '=…').replace(/(["'])(?:(?!\1).){40,}\1/g, '$1…$1');
}
