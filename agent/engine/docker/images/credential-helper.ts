import { type ChildProcess, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { z } from 'zod';
import { limits } from '../../../../schema/limits.ts';

export type HelperAnswer =
  | { kind: 'login'; username: string; secret: string }
  | { kind: 'none' }
  | { kind: 'unreadable'; why: string };

const answered = z.object({ Username: z.string(), Secret: z.string().min(1) });

/** Asks `docker-credential-NAME get`. Nothing of what it prints is passed on but the login. */
export async function runCredentialHelper(name: string, server: string): Promise<HelperAnswer> {
  const program = `docker-credential-${name}`;
  const unreadable = (why: string): HelperAnswer => ({ kind: 'unreadable', why: `${program} ${why}` });
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    return { kind: 'unreadable', why: 'the name of the credential helper is invalid' };
  const run = await output(program, server);
  if (run.kind === 'late') return unreadable(`gave no answer within ${limits.agent.credentialHelperMsMax / 1000} s`);
  if (run.kind === 'absent') return unreadable('could not be started: is it in the PATH of the agent?');
  // Docker's helpers say so with these words, and exit with 1.
  if (run.code !== 0 && run.text.includes('credentials not found')) return { kind: 'none' };
  if (run.code !== 0) return unreadable(`failed with exit code ${run.code}`);
  const login = parsed(run.text);
  return login ? { kind: 'login', ...login } : unreadable('gave no login');
}

type Run = { kind: 'done'; code: number | null; text: string } | { kind: 'late' } | { kind: 'absent' };

function output(program: string, input: string): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(program, ['get'], {
      cwd: '/',
      env: environment(),
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (run: Run) => {
      clearTimeout(timer);
      if (run.kind !== 'done') killAll(child);
      child.stdout.destroy();
      resolve(run);
    };
    const timer = setTimeout(() => finish({ kind: 'late' }), limits.agent.credentialHelperMsMax);
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limits.agent.dockerConfigBytesMax) chunks.push(chunk);
      else finish({ kind: 'late' });
    });
    // A helper that reads nothing closes its end.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', () => finish({ kind: 'absent' }));
    child.once('close', (code) => finish({ kind: 'done', code, text: Buffer.concat(chunks).toString('utf8') }));
  });
}

/** Helpers of clouds have variables of their own. A service may have no HOME; ours are not their business. */
function environment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('STACKFERRY_'));
  return { HOME: homedir(), ...Object.fromEntries(others) };
}

/** A helper is often a script, whose children would outlive it. */
function killAll({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
}

function parsed(text: string): { username: string; secret: string } | null {
  try {
    const { Username, Secret } = answered.parse(JSON.parse(text));
    return { username: Username, secret: Secret };
  } catch {
    return null;
  }
}
