import { chmod, mkdir, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FleetRig, startFleetRig } from '../support/fleet-rig.ts';
import { follow } from './follow.ts';
import { openShell, type Shell } from './shell.ts';
import { hostId, migrating, runsAt, seed, settled } from './stacks.ts';

/** Pages that move stacks between two embedded hosts. The tests are one story. */
const bound = { timeout: 180_000 };
const hosts = ['old-server', 'new-server'];
let fleet: FleetRig;
let shell: Shell;
const reader = () => join(fleet.dir, 'reader');
const rootOf = (host: string) => join(fleet.dir, `root-${host}`);

beforeAll(async () => {
  fleet = await startFleetRig();
  for (const host of hosts) await fleet.addHost(host, ['--engine', 'embedded', '--embedded-root', rootOf(host)]);
  shell = await openShell({
    dir: reader(),
    env: {
      STACKFERRY_URL: fleet.control.url,
      STACKFERRY_TOKEN: fleet.control.adminToken ?? '',
      EDITOR: join(reader(), 'editor'),
    },
  });
}, 120_000);
afterAll(async () => {
  await shell?.close();
  await fleet?.close();
}, 60_000);

async function atHome(...names: string[]): Promise<void> {
  for (const name of names) await seed(rootOf('old-server'), name);
  for (const name of names) await runsAt(fleet.api, name, 'old-server');
}

test('the examples for scripts', bound, async () => {
  await seed(rootOf('old-server'), 'library', { bytes: 3_000_000 });
  await atHome('shop');
  await runsAt(fleet.api, 'library', 'old-server');
  await follow(shell, 'docs/cli.md', 'Examples', async ({ run }) => {
    expect(await run('stackferry migrate shop', /completed/)).not.toContain('mail');
    await runsAt(fleet.api, 'shop', 'new-server');

    // One that cannot move yet: its directory is there already.
    const inTheWay = join(rootOf('new-server'), 'stacks/library');
    await mkdir(inTheWay);
    const library = { 'shop --to': 'library --sizing stack --to' };
    await run('stackferry preflight shop --to new-server --json | jq -c', /^\["path_free",\[.*\]\]$/m, library);
    await run('stackferry preflight shop --to new-server --json | jq -r', /^path_free$/m, library);
    await rmdir(inTheWay);

    const id = await migrating(fleet.api, 'library', 'new-server', { bandwidth_limit: 500_000 });
    await run('stackferry show mig_01m85 --watch', /^\d+$/m, { mig_01m85: id });
    expect(await settled(fleet.api, id)).toMatchObject({ status: 'completed' });
    await run('stackferry status --json', /^$/);
    await run('stackferry migrations --cleanup-due', /\S/);
  });
});

test('a host is emptied', bound, async () => {
  await atHome('forum', 'files');
  await follow(shell, 'docs/drain.md', 'Emptying a host', async ({ run }) => {
    await run('stackferry drain old-server --plan', /All 2 stacks of old-server can be moved\./);
    await run('stackferry drain old-server --watch', /completed/);
    for (const name of ['forum', 'files']) await runsAt(fleet.api, name, 'new-server');
    await run('stackferry drains', /old-server +completed +2 moved/);
    await run('stackferry uncordon', /old-server is open to migrations\./);
  });
});

test('a host is emptied by a plan that was edited', bound, async () => {
  const editor = join(reader(), 'editor');
  await writeFile(editor, `#!/bin/sh\nexec sed -i '/^  notes:$/a\\    leave: true' "$1"\n`);
  await chmod(editor, 0o755);
  await atHome('notes', 'photos');
  await follow(shell, 'docs/drain.md', 'A plan as a file', async ({ run }) => {
    await run('stackferry drain old-server --write-plan', /--file plan\.yaml/);
    await run('$EDITOR plan.yaml', /^$/);
    await run('stackferry drain old-server --file plan.yaml --plan', /as asked: notes\./);
    await run('stackferry drain old-server --file plan.yaml  ', /photos/);
    await runsAt(fleet.api, 'photos', 'new-server');
    await runsAt(fleet.api, 'notes', 'old-server');
  });
});

test('a stack is allowed what its container alone would not have', bound, async () => {
  // Where an agent that nobody told otherwise has its state.
  await mkdir(join(reader(), 'home/.stackferry'));
  await symlink(join(fleet.dir, 'host-new-server'), join(reader(), 'home/.stackferry/agent'));
  await follow(shell, 'docs/security.md', 'Privileges', async ({ run }) => {
    const source = await hostId(fleet.api, 'old-server');
    await run('stackferry agent allow shop', /docker_socket/, { 'host_01m8…': source });
  });
});
