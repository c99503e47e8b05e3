import { execFile } from 'node:child_process';

export interface RunOptions {
  input?: string | Buffer;
  cwd?: string;
  timeoutMs?: number;
  env?: Record<string, string>;
}

/** Runs a program and resolves to its stdout; rejects with its stderr, or after the time limit. */
export function run(program: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { input, cwd, timeoutMs = 120_000, env } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      {
        cwd,
        timeout: timeoutMs,
        maxBuffer: 64 * 1_048_576,
        env: { ...process.env, ...env },
      },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${program} ${args.join(' ')}: ${stderr || error.message}`, { cause: error }));
        else resolve(stdout);
      },
    );
    child.stdin?.end(input);
  });
}
