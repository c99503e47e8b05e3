import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { CliError, exitCodes } from '../exit-code.ts';

export interface Ran {
  code: number;
  out: string;
  err: string;
}
export type Wrangler = (args: string[], given?: { env?: Record<string, string>; input?: string }) => Promise<Ran>;

/** Last lines of stderr, or of stdout if stderr is empty. */
export const lastLines = ({ out, err }: Ran): string[] => (err.trim() || out.trim()).split('\n').slice(-10);

/** Runs the `wrangler` on PATH. It cannot prompt: its stdin is `input`, then ends. */
export const wranglerOnPath: Wrangler = async (args, { env = {}, input = '' } = {}) => {
  const child = spawn('wrangler', args, {
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', FORCE_COLOR: '0', ...env },
    stdio: 'pipe',
  });
  // If it exits before it has read its input, the exit code shows that.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new CliError('no_wrangler', 'Cloudflare’s command line, `wrangler`, is not installed.', exitCodes.failure, [
      'Install it: npm install --global wrangler',
    ]);
  });
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, out, err };
};
