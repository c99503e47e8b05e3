import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { limits } from '../schema/limits.ts';
import { CliError, exitCodes, usageError } from './exit-code.ts';
import type { Terminal } from './output/terminal.ts';

/** Questions go to stderr, so that stdout can be piped. Each throws if there is no terminal, or the answer is no. */

export async function confirm(term: Terminal, question: string, { yes }: { yes?: boolean | undefined }): Promise<void> {
  if (yes) return;
  mustBeInteractive(term);
  if (!/^y(es)?$/i.test((await ask(`${question} [y/N] `)).trim())) throw declined();
}

/** For irreversible actions. */
export async function confirmByTyping(
  term: Terminal,
  word: string,
  { yes }: { yes?: boolean | undefined },
): Promise<void> {
  if (yes) return;
  mustBeInteractive(term);
  if ((await ask(`Type "${word}" to confirm: `)).trim() !== word) throw declined();
}

/** Reads without echo. */
export async function askSecret(term: Terminal, question: string): Promise<string> {
  if (!term.interactive) throw usageError('There is no terminal to ask for the token.', 'Pipe it in: … --token-stdin');
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  // Readline has disabled the terminal's own echo by the time it asks.
  const answer = ask('', silent);
  process.stderr.write(question);
  return (await answer.finally(() => process.stderr.write('\n'))).trim();
}

/** Reads one line from a pipe. */
export async function readSecret(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.includes('\n') || text.length > limits.cli.tokenCharsMax) break;
  }
  return (text.split('\n')[0] ?? '').trim();
}

async function ask(question: string, output: NodeJS.WritableStream = process.stderr): Promise<string> {
  const readline = createInterface({ input: process.stdin, output, terminal: true });
  const gone = Promise.withResolvers<never>();
  readline.once('SIGINT', () => gone.reject(new CliError('interrupted', 'Nothing was done.', exitCodes.detached)));
  readline.once('close', () => gone.reject(declined()));
  try {
    return await Promise.race([readline.question(question), gone.promise]);
  } finally {
    readline.close();
  }
}

const declined = () => new CliError('declined', 'Not confirmed; nothing was done.', exitCodes.failure);

function mustBeInteractive(term: Terminal): void {
  if (term.interactive) return;
  const why = term.json ? 'with --json nothing is asked' : 'there is no terminal';
  throw new CliError('confirmation_needed', `Confirmation required, but ${why}.`, exitCodes.usage, [
    'Re-run with --yes.',
  ]);
}
