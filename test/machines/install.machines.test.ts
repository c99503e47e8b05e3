import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { npmDirectory } from '../support/image-parts.ts';
import { packPackage } from '../support/packed.ts';
import { run } from '../support/run.ts';
import { describeMachines, down, gatewayAddress, type Machine, on, up } from './machines.ts';
import { type PageCommand, pageCommands } from './page-commands.ts';
import { type Registry, startRegistry } from './registry.ts';
import { expectMoved, giveImage, insertRows, rows } from './shop.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = join(root, 'docs/install.md');

describeMachines('three plain machines, and docs/install.md word for word', () => {
  let registry: Registry;
  let scratch = '';
  let began = 0;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'stackferry-machines-'));
    await up();
    registry = await startRegistry(gatewayAddress);
    await givePackage();
    await giveNode();
    await giveImage();
    began = performance.now();
  }, 1_500_000);
  afterAll(async () => {
    await registry?.close();
    await down();
    await rm(scratch, { recursive: true, force: true });
  }, 180_000);

  it('a stack moves, comes back, moves again and is purged, with nothing of ours on the hosts before', async () => {
    for (const machine of ['host-a', 'host-b'] as const)
      await expect(on(machine, 'command -v node stackferry')).rejects.toThrow();
    const commands = (await pageCommands(page)).filter(({ section }) => /^\d/.test(section));
    expect(commands.length).toBeGreaterThan(8);
    for (const command of commands) await follow(command);
    // The last block purges the source.
    expect(await on('host-a', 'docker ps -aq; docker volume ls -q')).toBe('');
    expect(await rows('host-b')).toBe('3');
  }, 900_000);

  it('an update keeps the host, its name and its settings', async () => {
    const before = await on('control', 'stackferry hosts --json');
    for (const { machine, script } of await section('Update')) await on(machine as Machine, script);
    await on('control', 'until stackferry hosts | grep host-a | grep -q online; do sleep 1; done');
    const idOf = (json: string) => /host_[0-9a-z]+/.exec(json)?.[0];
    expect(idOf(await on('control', 'stackferry hosts --json'))).toBe(idOf(before));
  }, 300_000);

  it('C22: hosts are upgraded from the control plane, and go back from an agent that does not come online', async () => {
    const carried = '"$(npm root -g)"/stackferry/dist/control/static/install/agent.js';
    const restarted = `systemctl restart stackferry-control &&
      until test "$(stackferry hosts 2>/dev/null | grep -c online)" = 2; do sleep 1; done`;
    await on('control', `echo '// the next one' >>${carried} && ${restarted}`);
    const programs = await on('control', 'stackferry hosts --json | grep program_sha256');
    expect(await on('control', 'stackferry hosts upgrade --all')).toMatch(
      /host-a: runs \S+ now\.\nhost-b: runs \S+ now\./,
    );
    expect(await on('control', 'stackferry hosts --json | grep program_sha256')).not.toBe(programs);
    expect(await on('host-b', 'readlink /var/lib/stackferry/programs/*/current')).toMatch(/^[0-9a-f]{64}\.js$/m);
    expect(await rows('host-b')).toBe('3');
    // Another start is one of the same program.
    await on('host-b', 'systemctl restart stackferry-agent');
    expect(await on('control', `${restarted}; stackferry hosts upgrade host-b`)).toContain('host-b: "host-b" runs');

    const crashing = `if (process.argv[2] === "--version") console.log("$(stackferry --version)"); else throw new Error("no");`;
    await on('control', `cat >${carried} <<EOF\n${crashing}\nEOF\n${restarted}`);
    await expect(on('control', 'stackferry hosts upgrade host-b')).rejects.toThrow(
      /taken back: it ended before it was online/,
    );
    expect(await on('control', 'stackferry hosts')).toMatch(/host-b +online/);
    expect(await rows('host-b')).toBe('3');
  }, 300_000);

  it('an uninstall takes away what the script brought, and no stack', async () => {
    const [uninstall] = await section('Uninstall');
    await on('host-b', uninstall!.script);
    await expect(on('host-b', 'ls /usr/lib/stackferry /etc/systemd/system/stackferry-agent.service')).rejects.toThrow(
      /No such file.*No such file/s,
    );
    expect(await on('host-b', 'systemctl list-unit-files --no-legend "stackferry*" || true')).toBe('');
    expect(await rows('host-b')).toBe('3');
  }, 300_000);

  /** Runs a block of the page, does what the page asks a person to do after it, and looks at what is so then. */
  async function follow({ machine, script }: PageCommand): Promise<void> {
    const output = await on(machine as Machine, script);
    for (const [line, name] of output.matchAll(/curl \S+ \S+ \| sudo sh -s -- --name (\S+) --join \S+/g))
      expect(await on(name as Machine, line)).toContain('Online');
    if (script.includes('docker compose up')) await insertRows();
    if (!script.includes('--watch')) return;
    await expectMoved(script);
    const seconds = Math.round((performance.now() - began) / 1000);
    process.stdout.write(`${seconds} s from zero: ${script.split('\n').at(-1)}\n`);
  }

  const section = async (wanted: string) => (await pageCommands(page)).filter((command) => command.section === wanted);

  /** What `npm pack` makes, where the page has it. */
  async function givePackage(): Promise<void> {
    const { tarball } = await packPackage(scratch);
    await on('control', `cat >"$HOME/${basename(tarball)}"`, { input: createReadStream(tarball) });
  }

  /** Node and npm for the control plane's machine, which the page asks for; its registry is this machine's. */
  async function giveNode(): Promise<void> {
    const archive = join(scratch, 'npm.tar');
    await run('tar', ['-C', await npmDirectory(), '-cf', archive, '.']);
    await on('control', 'cat >/usr/local/bin/node && chmod 755 /usr/local/bin/node', {
      input: createReadStream(process.execPath),
    });
    await on(
      'control',
      `mkdir -p /usr/local/lib/npm && tar -C /usr/local/lib/npm -x &&
       ln -s ../lib/npm/bin/npm-cli.js /usr/local/bin/npm && echo "registry=${registry.url}/" >"$HOME/.npmrc"`,
      { input: createReadStream(archive) },
    );
  }
});
