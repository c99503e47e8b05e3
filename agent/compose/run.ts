import { type ChildProcess, spawn } from 'node:child_process';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { shortened } from '../../schema/shortened.ts';
import { clientEnvironment, composeProgram } from './client.ts';

export interface ComposeRun {
  binary: string;
  arguments: string[];
  environment?: Record<string, string>;
  timeoutMs: number;
  signal: AbortSignal;
}

interface Printed {
  stdout: string;
  stderr: string;
}

/**
 * Runs `docker compose` and returns its output. Standard input is closed: some versions prompt. Rejects with
 * `compose_failed`; its message is Compose's last line without anything that may be a value, since Compose quotes what
 * it can't parse.
 */
export function runCompose({
  binary,
  arguments: args,
  environment = {},
  timeoutMs,
  signal,
}: ComposeRun): Promise<Printed> {
  const [verb = 'compose'] = args.filter((arg) => verbs.has(arg));
  const failed = (why: string) => new StackferryError('compose_failed', `docker compose ${verb}: ${why}`);
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const { program, environment: called } = composeProgram(binary);
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const child = spawn(
      '/bin/sh',
      ['-c', bounded, String(limits.agent.composeMemoryBytesMax / 1024), ...variables, program, ...args],
      {
        cwd: '/',
        env: { ...clientEnvironment(), ...called, ...offline },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    let ended = false;
    const finish = (settle: () => void) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      killAll(child);
      settle();
    };
    const abort = () => finish(() => reject(signal.reason));
    const timer = setTimeout(() => finish(() => reject(failed('it did not end in time'))), timeoutMs);
    signal.addEventListener('abort', abort);
    const tooMuch = () => finish(() => reject(failed('the file expands beyond all measure')));
    const [stdout, stderr] = [collect(child.stdout, tooMuch), collect(child.stderr, tooMuch)];
    child.once('error', (error) => finish(() => reject(failed(error.message))));
    child.once('close', (code) =>
      finish(() => {
        if (code === 0) resolve({ stdout: stdout(), stderr: stderr() });
        else reject(failed(code === 127 ? noClient : complaintOf(stderr())));
      }),
    );
  });
}

/** Limits memory: a crafted file can exhaust it (B37). `env` sets PWD, which the shell would overwrite. */
const bounded = 'ulimit -v "$0" && exec env "$@"';

/** Kills the process group: the client runs Compose as a child, which would outlive it. */
function killAll({ pid, exitCode }: ChildProcess): void {
  if (pid === undefined || exitCode === 0) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
}

function collect(stream: NodeJS.ReadableStream, tooMuch: () => void): () => string {
  const parts: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > limits.agent.composeOutputBytesMax) return tooMuch();
    parts.push(part);
  });
  return () => Buffer.concat(parts).toString('utf8');
}

/** Keeps Compose from fetching remote includes, however they are spelled: only files on this disk count (B36). */
const offline = { COMPOSE_EXPERIMENTAL_GIT_REMOTE: 'false', COMPOSE_EXPERIMENTAL_OCI_REMOTE: 'false' };

const verbs = new Set(['config', 'up', 'start', 'version']);
const noClient = 'the docker client is not there; name it with --docker-binary';

function complaintOf(stderr: string): string {
  if (/^(fatal error: .*out of memory|runtime: .*cannot allocate)/m.test(stderr))
    return 'the file expands beyond all measure';
  const line =
    stderr
      .trim()
      .split('\n')
      .filter((text) => !text.includes('level=warning'))
      .at(-1) ?? '';
  return shortened(withoutValues(line), 400) || 'it failed without a word';
}

/** Cuts quoted text and values after an equals sign, which may be environment values. Names of files and services stay. */
export function withoutValues(line: string): string {
  return line.replace(/=("[^"]*"|'[^']*'|\S+)/g, '=…').replace(/(["'])(?:(?!\1).){40,}\1/g, '$1…$1');
}
