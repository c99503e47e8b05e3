import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killHost } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { type ApiClient, apiClient } from '../../cli/api-client.ts';
import { removeFleet } from '../../cli/local/remove-fleet.ts';
import { type Run, start } from '../cli/stackferry.ts';
import { follow } from './follow.ts';
import { portToServe } from './port-to-serve.ts';
import { openShell, type Shell } from './shell.ts';
import { becomes, damage, hostId, hostIs, mend, migrating, newestOf, runsAt, seed, settled } from './stacks.ts';

/** README.md from its first command on: what it starts is the fleet; its hosts are embedded ones. */
const hosts = ['old-server', 'new-server'] as const;
type Host = (typeof hosts)[number];
const bound = { timeout: 240_000 };
const agents = new Map<Host, Run>();
let dir: string;
let url: string;
let shell: Shell;
let api: ApiClient;

const rootOf = (host: Host) => join(dir, `root-${host}`);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-docs-'));
  const port = await portToServe();
  url = `http://127.0.0.1:${port}`;
  shell = await openShell({
    dir,
    bindings: {
      '0.0.0.0:8787': `127.0.0.1:${port}`,
      'http://control:8787': url,
      'http://127.0.0.1:8787': url,
      // Both hosts are this machine, which need not have room for itself once more.
      'shop --to new-server': 'shop --to new-server --sizing stack',
    },
  });
});
afterAll(async () => {
  for (const { child, ended } of agents.values()) {
    child.kill('SIGTERM');
    await ended;
  }
  for (const host of hosts) await killHost(rootOf(host));
  await shell?.close();
  await removeFleet(dir);
}, 60_000);

/** In place of the line that `join` prints, which installs an agent for Docker. The token is for the first start. */
function startAgent(host: Host, token = ''): void {
  const place = ['--state', join(dir, host), '--engine', 'embedded', '--embedded-root', rootOf(host)];
  const env = { PATH: process.env.PATH, HOME: dir, ...(token ? { STACKFERRY_JOIN_TOKEN: token } : {}) };
  agents.set(host, start(['agent', '--control', url, ...place], { env }));
}

test('five minutes: a control plane, two hosts, and a stack that moves', bound, () =>
  follow(shell, 'README.md', 'Five minutes, two hosts', async ({ run, start: serve }) => {
    const { said } = await serve('stackferry serve', /Admin token, shown until it is used: (sfy_\w+)/);
    shell.token = said[1]!;
    api = apiClient(url, shell.token);
    await run('stackferry login', /^Logged in to http/m);
    for (const host of hosts) {
      const out = await run(`stackferry join ${host}`, new RegExp(`install\\.sh \\| .*--name ${host} --join sfj_`));
      startAgent(host, /--join (sfj_\w+)/.exec(out)![1]);
    }
    for (const host of hosts) await hostIs(api, host, 'online');
    await seed(rootOf('old-server'), 'shop');
    await runsAt(api, 'shop', 'old-server');
    await run('stackferry preflight', /Passed: it can be moved\./);
    await run('stackferry migrate', /completed/);
    await runsAt(api, 'shop', 'new-server');
  }),
);

test('move, undo, empty a host, and the same by the API', bound, async () => {
  const ids = { shop: await newestOf(api, 'shop'), ...(await otherStacks()) };
  await settled(api, ids.shop);
  await follow(shell, 'README.md', 'Move, undo, empty a host', async ({ run }) => {
    await run('stackferry rollback ID', /old-server/, { ID: ids.shop });
    expect(await settled(api, ids.shop)).toMatchObject({ status: 'rolled_back' });
    await settled(api, ids.library);
    await run('stackferry purge ID  ', /Deleted from old-server\./, { ID: ids.library });
    await run('stackferry purge ID --target', /Deleted from new-server\./, { ID: ids.shop });

    await becomes(api, ids.mail, 'needs_attention');
    await mend(rootOf('old-server'), 'mail');
    await run('stackferry retry ID', /mail/, { ID: ids.mail });
    expect(await settled(api, ids.mail)).toMatchObject({ status: 'failed' });
    await runsAt(api, 'mail', 'old-server');

    await becomes(api, ids.wiki, 'needs_attention');
    await stopAgent('old-server');
    await mend(rootOf('new-server'), 'wiki');
    await run('stackferry resolve ID source_lost', /wiki/, { ID: ids.wiki });
    await becomes(api, ids.wiki, 'completed');
    startAgent('old-server');
    await hostIs(api, 'old-server', 'online');
    await settled(api, ids.wiki);

    await run('stackferry drain old-server --plan', /can be moved/);
    await run('stackferry drain old-server --watch', /completed/);
    await runsAt(api, 'shop', 'new-server');

    // Home again: nothing of it may be there, and the drain closed the host.
    await api.delete(`/stacks/shop/migrate/${await settledNewest('shop')}/source`);
    const home = await hostId(api, 'old-server');
    await api.post(`/hosts/${home}/uncordon`);
    const begun = await run('curl -H', /"id":"mig_/, { '"host_…"': `"${home}", "sizing": "stack"` });
    const id = /"id":"(mig_\w+)"/.exec(begun)![1]!;
    await run('curl -N', /"to":"completed"/, { 'mig_…': id });
    await runsAt(api, 'shop', 'old-server');
  });
});

/** One that moves, and two that start on neither side: each waits for a person. */
async function otherStacks(): Promise<Record<'library' | 'mail' | 'wiki', string>> {
  const root = rootOf('old-server');
  await seed(root, 'library');
  for (const name of ['mail', 'wiki']) await seed(root, name, { fragile: true });
  for (const name of ['library', 'mail', 'wiki']) await runsAt(api, name, 'old-server');
  for (const name of ['mail', 'wiki']) await damage(root, name);
  return {
    library: await migrating(api, 'library', 'new-server'),
    mail: await migrating(api, 'mail', 'new-server'),
    wiki: await migrating(api, 'wiki', 'new-server'),
  };
}

async function stopAgent(host: Host): Promise<void> {
  const { child, ended } = agents.get(host)!;
  child.kill('SIGTERM');
  await ended;
  await hostIs(api, host, 'offline');
}

async function settledNewest(stack: string): Promise<string> {
  const id = await newestOf(api, stack);
  await settled(api, id);
  return id;
}
