import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { apiClient } from '../../cli/api-client.ts';
import { removeFleet } from '../../cli/local/remove-fleet.ts';
import { copyCheckout } from '../support/packed.ts';
import { follow } from './follow.ts';
import { openShell, type Shell } from './shell.ts';
import { newestOf, runsAt, settled } from './stacks.ts';

let dir: string;
let shell: Shell;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-docs-'));
  const cwd = join(dir, 'checkout');
  // A demo removes what the one before left in its checkout.
  await copyCheckout(cwd);
  shell = await openShell({ dir, cwd });
});
afterAll(async () => {
  await shell?.close();
  await removeFleet(join(dir, 'checkout/.data/demo-embedded'));
  await removeFleet(dir);
}, 60_000);

/** As much of one as is shown. */
const idIn = (out: string) => /mig_\w+/.exec(out)![0];

test('README.md tries it on one machine: the demo, and its stack moved home and back', { timeout: 240_000 }, () =>
  follow(shell, 'README.md', 'Try it on one machine', async ({ run, start }) => {
    await run('npm run demo -- --once', /migrated guestbook from host-a to host-b in [\d.]+ s, data verified/);
    const demo = await start('npm run demo  ', /(http:\S+)\/ui\nand log in with the admin token\n\s+(sfy_\w+)/);
    const [, url = '', token = ''] = demo.said;
    shell.bindings['http://127.0.0.1:PORT'] = url;
    shell.token = token;
    const api = apiClient(url, token);

    await run('npx stackferry login', /^Logged in to http/m);
    await run('npx stackferry stacks', /guestbook +host-b +running/);
    const listed = idIn(await run('npx stackferry migrations', /guestbook/));
    await settled(api, await newestOf(api, 'guestbook'));
    await run('npx stackferry purge ID', /Deleted from host-a\./, { ID: listed });
    const printed = idIn(await run('npx stackferry migrate guestbook', /completed/));
    await settled(api, await newestOf(api, 'guestbook'));
    await run('npx stackferry rollback ID --watch', /rolled_back/, { ID: printed });
    await runsAt(api, 'guestbook', 'host-b');
  }),
);
