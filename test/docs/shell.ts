import { spawn } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root } from './statements.ts';

/** What stands in a page, and what it is here: an address, a directory, an id. */
export type Bindings = Record<string, string>;

export interface Background {
  said: RegExpExecArray;
  /** Ctrl-C, and waits. */
  stop(): Promise<void>;
}

/** A reader's terminal: `stackferry` is a command as npm links it, questions are answered as they come. */
export interface Shell {
  bindings: Bindings;
  /** Typed where a login asks for it, and `$TOKEN`. */
  token: string;
  run(text: string, more?: Bindings): Promise<{ code: number | null; out: string }>;
  start(text: string, says: RegExp): Promise<Background>;
  close(): Promise<void>;
}

interface ShellOptions {
  /** Has its home, and what its commands write. */
  dir: string;
  cwd?: string;
  bindings?: Bindings;
  env?: Record<string, string>;
}

const statementMsMax = 90_000;
const stopMsMax = 20_000;
const passphrase = 'six random words are enough';

const answers: [question: RegExp, answer: (shell: Shell, asked: RegExpExecArray) => string][] = [
  [/API token for \S+: $/, ({ token }) => token],
  [/\[y\/N\] $/, () => 'y'],
  [/Type "([^"]+)" to confirm: $/, (_, [, word]) => word!],
  [/(Passphrase for the file|Once more|Passphrase): $/, () => passphrase],
];

export async function openShell({ dir, cwd = dir, bindings = {}, env = {} }: ShellOptions): Promise<Shell> {
  const [bin, home] = [join(dir, 'bin'), join(dir, 'home')];
  await mkdir(bin, { recursive: true });
  await mkdir(home, { recursive: true });
  await symlink(join(root, 'cli/bin.cjs'), join(bin, 'stackferry'));
  await symlink(process.execPath, join(bin, 'node'));
  const settings = {
    PATH: `${bin}:${process.env.PATH}`,
    ...{ HOME: home, SHELL: '/bin/sh', LANG: 'C.UTF-8', TERM: 'dumb', NO_COLOR: '1' },
    // Compiled code, so that each start takes half as long.
    XDG_CACHE_HOME: join(root, '.data/test-cache'),
    npm_config_update_notifier: 'false',
    ...env,
  };
  const running: Background[] = [];
  const environment = (statement: string) => ({
    ...settings,
    STATEMENT: statement,
    TOKEN: shell.token,
    KEY: shell.token,
  });
  const shell: Shell = {
    bindings,
    token: '',
    run: (text, more = {}) => typed(shell, { cwd, env: environment(bound(text, { ...shell.bindings, ...more })) }),
    async start(text, says) {
      const started = await inBackground(says, { cwd, env: environment(bound(text, shell.bindings)) });
      running.push(started);
      return started;
    },
    close: async () => {
      for (const one of running.splice(0).reverse()) await one.stop();
    },
  };
  return shell;
}

/** A binding of one word, such as ID, stands for that word alone. */
function bound(text: string, bindings: Bindings): string {
  return Object.entries(bindings).reduce(
    (line, [from, to]) => line.replaceAll(/^\w+$/.test(from) ? new RegExp(`\\b${from}\\b`, 'g') : from, () => to),
    text,
  );
}

interface Place {
  cwd: string;
  env: Record<string, string>;
}

/** In a pseudo-terminal, with somebody who answers. */
function typed(shell: Shell, place: Place): Promise<{ code: number | null; out: string }> {
  const command = 'stty cols 150 rows 50; exec bash -c "$STATEMENT"';
  const child = spawn('script', ['-qefc', command, '/dev/null'], { ...place, stdio: 'pipe' });
  let out = '';
  let answered = 0;
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    out += part;
    for (const [question, answer] of answers) {
      const asked = question.exec(out.slice(answered));
      if (!asked) continue;
      answered = out.length;
      child.stdin.write(`${answer(shell, asked)}\r`);
      return;
    }
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`not at its end after ${statementMsMax / 1000} s: ${place.env.STATEMENT}\n${out}`));
    }, statementMsMax);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out: stripVTControlCharacters(out).replaceAll('\r\n', '\n') });
    });
  });
}

/** With a process group of its own, as a terminal gives it one: a Ctrl-C reaches all of it. */
async function inBackground(says: RegExp, place: Place): Promise<Background> {
  const child = spawn('bash', ['-c', place.env.STATEMENT!], {
    ...place,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null && child.pid) process.kill(-child.pid, name);
  };
  const stop = async () => {
    signal('SIGINT');
    const timer = setTimeout(() => signal('SIGKILL'), stopMsMax);
    await closed;
    clearTimeout(timer);
  };
  let out = '';
  try {
    const said = await new Promise<RegExpExecArray>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${why}: ${place.env.STATEMENT}\n${out}`));
      const timer = setTimeout(() => fail(`it did not say ${says}`), statementMsMax);
      void closed.then(() => fail('it ended'));
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (part: string) => {
          out += part;
          const found = says.exec(out);
          if (!found) return;
          clearTimeout(timer);
          resolve(found);
        });
    });
    return { said, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
