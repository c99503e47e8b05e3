import { spawn } from 'node:child_process';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

/** Runs a firewall's program; resolves to what it printed. Throws `MissingProgram`, or `command_failed` with the reason. */
export type RunProgram = (program: string, args: string[], input?: string) => Promise<string>;

export class MissingProgram extends Error {}

export const runRulesProgram: RunProgram = (program, args, input = '') =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { timeout: limits.forward.rulesMsMax, killSignal: 'SIGKILL' });
    const printed: Buffer[] = [];
    let said = '';
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limits.forward.rulesBytesMax) child.kill('SIGKILL');
      else printed.push(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(0, 4_096);
    });
    child.on('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'ENOENT'
          ? new MissingProgram(program)
          : new StackferryError('command_failed', `${program} could not be run: ${cause.message}`, { cause }),
      ),
    );
    // A program that ends before it has read its input says why by its exit.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(printed).toString());
      else reject(new StackferryError('command_failed', explain(program, signal ? `ended by ${signal}` : said)));
    });
  });

const reasons: [RegExp, string][] = [
  [/permission denied|must be root|operation not permitted/i, 'the agent has no right to change the firewall'],
  [/xtables lock|resource temporarily unavailable/i, 'another program holds the firewall’s lock'],
  [/conntrack/i, 'the kernel has no connection tracking for firewall rules (nf_conntrack, xt_conntrack)'],
  [/addrtype|\bfib\b/i, 'the kernel can’t match local addresses in firewall rules (xt_addrtype, nft_fib)'],
  [/redirect/i, 'the kernel can’t redirect connections (xt_REDIRECT, nft_redir)'],
  [/can't initialize ip6?tables table|table does not exist/i, 'the kernel has no such firewall table'],
  [/ended by/, 'it did not end in time'],
];

/** What is missing, and the program's own words. */
export function explain(program: string, said: string): string {
  const words = said.trim().replace(/\s+/g, ' ').slice(0, 300);
  const [, reason] = reasons.find(([pattern]) => pattern.test(words)) ?? [];
  return `The rules of the host’s firewall can’t be changed by ${program}${reason ? `: ${reason}` : ''} (${words}).`;
}
