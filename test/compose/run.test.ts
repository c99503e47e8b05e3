import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { learnPlugin } from '../../agent/compose/client.ts';
import { runCompose } from '../../agent/compose/run.ts';
import { eventually, temporaryDirectory } from '../agent/temporary.ts';

let dir: string;
beforeEach(async () => {
  dir = await temporaryDirectory();
});

/** A docker client that does what the script says. */
async function client(script: string): Promise<string> {
  const binary = join(dir, 'docker');
  await writeFile(binary, `#!/bin/sh\n${script}\n`);
  await chmod(binary, 0o755);
  return binary;
}

const run = async (
  script: string,
  more: { timeoutMs?: number; signal?: AbortSignal; environment?: Record<string, string> } = {},
) =>
  runCompose({
    binary: await client(script),
    arguments: ['compose', 'config'],
    timeoutMs: 10_000,
    signal: AbortSignal.timeout(20_000),
    ...more,
  });

/** A child of the client, as Compose is; its pid goes into a file. */
const withChild = () => `sleep 300 & echo $! > ${join(dir, 'pid')}; wait`;
const childIsGone = () =>
  eventually(async () => {
    const pid = Number(await readFile(join(dir, 'pid'), 'utf8'));
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    return state === null || state.includes(') Z ');
  }, 'the child to be gone');

describe('docker compose, run by the agent', () => {
  it('gives what was printed', async () => {
    expect(await run('echo "$@"; echo aside >&2')).toEqual({ stdout: 'compose config\n', stderr: 'aside\n' });
  });

  it('R9: takes its plugins from the agent’s own configuration, whatever home the stack’s files name', async () => {
    const { stdout } = await run('echo "$HOME $DOCKER_CONFIG"', { environment: { HOME: '/srv/stacks/shop' } });
    expect(stdout).toBe(`/srv/stacks/shop ${process.env.DOCKER_CONFIG || join(homedir(), '.docker')}\n`);
  });

  it('R9: gets the variables of the shell that started the stack, PWD too', async () => {
    const environment = { HOME: '/home/deploy', PWD: '/srv/shop' };
    // A shell sets PWD itself: the given value stands in its own entry.
    const { stdout } = await run("tr '\\0' '\\n' </proc/$$/environ", { environment });
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['HOME=/home/deploy', 'PWD=/srv/shop']));
  });

  it('is run by itself once the client has said where it is, and by the client again once it is gone', async () => {
    const plugin = join(dir, 'docker-compose');
    await writeFile(
      plugin,
      `#!/bin/sh
      [ "$1" = docker-cli-plugin-metadata ] && echo '{ "Version": "v2.40.1" }' && exit
      echo "plugin of $DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: $@"\n`,
    );
    await chmod(plugin, 0o755);
    const said = JSON.stringify([
      { Name: 'buildx', Path: '/none' },
      { Name: 'compose', Path: plugin, Version: 'v2.40.1' },
    ]);
    const script = `[ "$1" = info ] && echo '${said}' || echo "client: $@"`;
    expect((await run(script)).stdout).toBe('client: compose config\n');
    const binary = join(dir, 'docker');
    expect(await learnPlugin(binary)).toBe('v2.40.1');
    expect((await run(script)).stdout).toBe(`plugin of ${binary}: compose config\n`);
    await rm(plugin);
    expect((await run(script)).stdout).toBe('client: compose config\n');
  });

  it('is run by a client that does not say where it is', async () => {
    const broken = JSON.stringify([{ Name: 'compose', Path: '/bin/true', Err: 'no metadata' }]);
    const other = JSON.stringify([{ Name: 'compose', Path: '/bin/true', Version: 'v2.40.1' }]);
    for (const script of ['exit 1', 'echo "no template here"', "echo '[]'", `echo '${broken}'`, `echo '${other}'`]) {
      expect(await learnPlugin(await client(script))).toBeNull();
      expect((await run('echo "client: $@"')).stdout).toBe('client: compose config\n');
    }
  });

  it('is ended with its own children where it takes too long', async () => {
    await expect(run(withChild(), { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'compose_failed',
      message: 'docker compose config: it did not end in time',
    });
    await childIsGone();
  });

  it('is ended with its own children where nobody waits any more', async () => {
    const left = new AbortController();
    const running = run(withChild(), { signal: left.signal });
    await eventually(() => readFile(join(dir, 'pid'), 'utf8').catch(() => null), 'the child to be there');
    left.abort(new Error('the agent ends'));
    await expect(running).rejects.toThrow('the agent ends');
    await childIsGone();
  });

  it('B37 may not print, or take memory, beyond all measure', async () => {
    const beyond = { code: 'compose_failed', message: 'docker compose config: the file expands beyond all measure' };
    await expect(run('yes')).rejects.toMatchObject(beyond);
    // A slow machine takes a while to fill that much.
    const time = { timeoutMs: 60_000, signal: AbortSignal.timeout(60_000) };
    const greedy = await run(`exec perl -e 'push @all, "x" x 1_000_000_000 for 1 .. 6'`, time).catch((e: Error) => e);
    expect(greedy).toMatchObject({ code: 'compose_failed', message: expect.stringMatching(/memory/i) });
  }, 90_000);

  it('says so where there is no client, and else what it complained of', async () => {
    const absent = { binary: join(dir, 'none'), arguments: ['compose', 'config'], timeoutMs: 5_000 };
    await expect(runCompose({ ...absent, signal: AbortSignal.timeout(5_000) })).rejects.toThrow('--docker-binary');
    await expect(run('echo "services.web: bad" >&2; exit 15')).rejects.toThrow('services.web: bad');
  });
});
