import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** A machine to install on: this one's programs, with throwaway layers over what the script writes, and OpenRC's verbs. */
export interface ThrowawayRoot {
  /** Runs a program there; `input` is its standard input. */
  run(argv: string[], options?: { input?: string }): Promise<Ended>;
  /** Puts a program of this text where it is found first. */
  program(name: string, text: string): Promise<void>;
  /** Takes one away again that `program` put there. */
  without(name: string): Promise<void>;
  /** Whether anything of ours is installed. */
  hasPrograms(): Promise<boolean>;
  close(): Promise<void>;
}

/** What the script asks of Docker, answered as a release that is new enough does. */
export const fittingDocker = `case "$*" in
  version*) echo 1.44 ;;
  "compose version"*) echo v2.26.1 ;;
  info*) echo "Debian GNU/Linux 13 [name=seccomp,profile=builtin]" ;;
esac`;

export async function throwawayRoot(): Promise<ThrowawayRoot> {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-root-'));
  const bin = join(dir, 'bin');
  await mkdir(bin);
  await mkdir(join(dir, 'layers'));
  await copyFile(join(import.meta.dirname, 'rc-service.sh'), join(bin, 'rc-service'));
  const holder = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', join(import.meta.dirname, 'throwaway-root.sh'), join(dir, 'layers')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');

  const run: ThrowawayRoot['run'] = async (argv, { input = '' } = {}) => {
    const path = `PATH=${bin}:/usr/sbin:/usr/bin:/sbin:/bin`;
    const child = spawn('nsenter', ['-t', String(holder.pid), '-m', 'env', '-i', path, 'HOME=/root', ...argv]);
    const told = { out: '', err: '' };
    child.stdout.on('data', (text) => (told.out += text));
    child.stderr.on('data', (text) => (told.err += text));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { code, ...told };
  };
  const program = async (name: string, text: string) => {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  };
  await program('rc-update', 'exit 0');
  await program('docker', fittingDocker);
  // An engine of this machine is not that one's.
  await run(['rm', '-f', '/usr/bin/docker', '/usr/sbin/docker', '/usr/bin/node', '/usr/bin/systemctl']);
  return {
    run,
    program,
    without: (name) => rm(join(bin, name)),
    hasPrograms: async () => (await run(['ls', '-A', '/usr/lib/stackferry'])).out !== '',
    close: async () => {
      await run(['rc-service', '-q', 'stackferry-agent', 'stop']);
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
