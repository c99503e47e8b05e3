import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { run } from '../support/run.ts';

/** The plain machines that `test/machines/up.sh` brings up; each is known to the others by this name. */
export type Machine = 'control' | 'host-a' | 'host-b';

/** This machine, as all of them see it. */
export const gatewayAddress = '10.78.0.1';

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Skipped where no machine can be made, unless nothing may be skipped. */
const canBeMade = process.getuid?.() === 0 && existsSync('/usr/bin/systemd-nspawn');
export const describeMachines = describe.skipIf(!canBeMade && !process.env.STACKFERRY_REQUIRE_ALL);

export const up = () => run(script('up.sh'), [], { timeoutMs: 1_200_000 });
export const down = () => run(script('down.sh'), [], { timeoutMs: 120_000 });

/** An archive of images that `test/docker/hosts/images.sh` made. */
export const imageArchive = (name: string) =>
  join(process.env.STACKFERRY_IMAGE_CACHE ?? '/var/tmp/stackferry-images', `${name}.tar`);

/** Runs a shell command as root of a machine, in a login's environment. Throws with its output where it fails. */
export function on(machine: Machine, command: string, options: { input?: Readable | string } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(script('machine.sh'), ['run', machine, 'sh', '-c', command], { timeout: 600_000 });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${machine}: ${command}\nended with ${code}:\n${output}`)),
    );
    child.stdin.on('error', () => {});
    Readable.from(options.input ?? []).pipe(child.stdin);
  });
}

/** Copies a file of root's home, as a person does with scp. */
export const copy = (file: string, from: Machine, to: Machine) =>
  run('sh', ['-ec', `"$0" run ${from} cat ${file} | "$0" run ${to} sh -c 'cat >${file}'`, script('machine.sh')]);
