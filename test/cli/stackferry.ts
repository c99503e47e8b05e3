import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** One run of the command line, as a process of its own. */
export interface Run {
  child: ChildProcess;
  /** What it has said so far; in a terminal both are one. */
  out(): string;
  err(): string;
  ended: Promise<{ code: number | null; out: string; err: string }>;
  type(text: string): void;
}

export interface RunOptions {
  env: NodeJS.ProcessEnv;
  /** Piped in, then the pipe is closed. */
  input?: string;
  /** In a pseudo-terminal of 80 columns. */
  terminal?: boolean;
}

const main = join(import.meta.dirname, '../../cli/main.ts');
/** Compiled code, so that some sixty starts take half as long. */
const cache = join(import.meta.dirname, '../../.data/test-cache');

export function start(args: string[], { env, input, terminal = false }: RunOptions): Run {
  const quoted = [process.execPath, main, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const [program, argv] = terminal
    ? ['script', ['-qefc', `stty cols 80 rows 40; exec ${quoted}`, '/dev/null']]
    : [process.execPath, [main, ...args]];
  const child = spawn(program, argv, { env: { XDG_CACHE_HOME: cache, ...env }, stdio: 'pipe' });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    err += text;
  });
  child.stdin?.on('error', () => {});
  if (!terminal) child.stdin?.end(input ?? '');
  return {
    child,
    out: () => out,
    err: () => err,
    ended: new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, out, err }));
    }),
    type: (text) => child.stdin?.write(text),
  };
}

/** The lines of NDJSON. */
export const documents = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; id?: string | null; data: Record<string, unknown> });
