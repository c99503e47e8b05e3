import { mkdir, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeFleet } from '../../cli/local/remove-fleet.ts';
import { forgetAuthority } from '../support/forget-authority.ts';
import { follow } from './follow.ts';
import { portToServe } from './port-to-serve.ts';
import { type Background, openShell, type Shell } from './shell.ts';

/** What the pages say of a control plane run by `stackferry serve`, and what needs no host. The tests are one story. */
const bound = { timeout: 120_000 };
const received: string[] = [];
let dir: string;
let shell: Shell;
let receiver: Server;
let serving: Background;
const data = () => join(dir, 'control');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-docs-'));
  await mkdir(join(dir, 'kept'));
  await mkdir(join(dir, 'safe'));
  receiver = createServer((request, response) => {
    received.push(request.url ?? '');
    response.writeHead(204).end();
  });
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
  const port = await portToServe();
  const url = `http://127.0.0.1:${port}`;
  shell = await openShell({
    dir,
    bindings: {
      'https://ferry.example.com': url,
      'https://ferry.lab.example.com': url,
      'https://stackferry.YOUR-SUBDOMAIN.workers.dev': url,
      'https://hooks.example.com': `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
      '/var/lib/stackferry-control': data(),
      '/var/lib/stackferry-restored': join(dir, 'restored'),
      '/var/lib/stackferry-0.1': join(dir, 'as-before'),
      '/backup': join(dir, 'kept'),
      '/safe': join(dir, 'safe'),
      '/etc/stackferry-cloudflare-token': join(dir, 'cloudflare-token'),
    },
    env: { STACKFERRY_LISTEN: `127.0.0.1:${port}`, DEVELOPMENT: 'true' },
  });
  serving = await serve(/Admin token, shown until it is used: (sfy_\w+)/);
  shell.token = serving.said[1]!;
}, 120_000);
afterAll(async () => {
  await shell?.close();
  receiver?.close();
  await removeFleet(dir);
}, 60_000);

const serve = (says: RegExp) => shell.start('stackferry serve --data /var/lib/stackferry-control', says);

test('several control planes', bound, async () => {
  await follow(shell, 'docs/deploy-cloudflare.md', 'On Cloudflare', async ({ run }) => {
    await run('stackferry login', /^Logged in to http/m);
  });
  await follow(shell, 'docs/cli.md', 'Several control planes', async ({ run }) => {
    await run('stackferry login', /^Logged in to http/m);
    await run('stackferry login', /as the profile "lab"/);
    await run('stackferry stacks --profile lab', /./);
    await run('STACKFERRY_PROFILE=lab stackferry stacks', /./);
    await run('stackferry profiles use lab', /the profile "lab"\./);
  });
});

test('webhooks, with a receiver that takes them', bound, async () => {
  await follow(shell, 'docs/webhooks.md', 'Webhooks', async ({ run }) => {
    await run('stackferry webhooks create', /migration\.failed, migration\.needs_attention[\s\S]*secret +whsec_/);
    await run('stackferry webhooks test', /webhook\.test +delivered +1 +204 in/);
    await run('stackferry webhooks deliveries', /webhook\.test +delivered/);
    expect(received).toEqual(['/stackferry']);
  });
  await follow(shell, 'docs/webhooks.md', 'Telling a load balancer or DNS', async ({ run }) => {
    await run('stackferry webhooks create', /migration\.cutover/);
  });
  await follow(shell, 'docs/webhooks.md', 'Messages for people', async ({ run }) => {
    await run('stackferry webhooks create', /kind +slack/);
    await run('echo "$TOKEN" | stackferry webhooks create', /kind +gotify/);
    await run('echo "$KEY" | stackferry webhooks create', /kind +email/);
  });
  await follow(shell, 'docs/webhooks.md', 'Retries', async ({ run }) => {
    await run('stackferry webhooks replay', /^0 \w+/m);
  });
});

test('a token that only the agent can read', bound, async () => {
  await follow(shell, 'docs/dns.md', 'What the agent needs', async ({ run }) => {
    await run('install -m 600', /^$/);
  });
  const file = join(dir, 'cloudflare-token');
  expect(await readFile(file, 'utf8')).toBe(`${shell.token}\n`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('backup, restore, and the certificate authority alone', bound, async () => {
  await follow(shell, 'docs/backup.md', 'Backup and restore', async ({ run, start }) => {
    await run('stackferry backup', /holds the control plane as of[\s\S]*It was paused for/);
    await serving.stop();
    await run('stackferry restore', /is as it was at/);
    const restored = await start('stackferry serve', /was restored from the backup of/);
    await restored.stop();
  });
  await follow(shell, 'docs/backup.md', 'The certificate authority alone', async ({ run }) => {
    await run('stackferry authority export', /holds the keys of fleet/);
    await forgetAuthority(data());
    await run('stackferry authority import', /^The certificate authority of fleet/m);
  });
  await follow(shell, 'docs/backup.md', 'A schedule', async ({ run }) => {
    await run('set -e', /^$/);
    await run('stackferry backup', /holds the control plane as of/);
    await run('find', /^$/);
  });
});

test('back to the release before, from the copy that an upgrade made', bound, async () => {
  await writeFile(join(data(), 'state.json'), JSON.stringify({ version: '0.1.0' }));
  const upgraded = await serve(/the data directory was copied: (\S+)/);
  await upgraded.stop();
  shell.bindings['0.1.0-0001_control_plane.tar.gz'] = basename(upgraded.said[1]!);
  await follow(shell, 'docs/upgrade.md', '`stackferry serve`', async ({ run }) => {
    await run('stackferry restore', /under version 0\.1\.0/);
  });
});
