import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { docker, type HostName, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const local = 'shop-local:dev';
const imageId = (host: HostName) => docker(host, 'image', 'inspect', '-f', '{{.Id}}', local);

const stack = {
  'compose.yaml': `
services:
  app:
    image: ${local}
    entrypoint: [sleep, "100000"]
    init: true
`,
};

describeDocker('an image that no registry has', () => {
  const rig = useDockerRig();

  it('goes from engine to engine before the stop, but for the layers that the target has', async () => {
    const { api, hosts, up, migrate, ended } = rig();
    for (const host of ['a', 'b'] as const) await docker(host, 'rmi', '-f', local).catch(() => '');
    await docker(
      'a',
      'run',
      '--name',
      'made',
      '--entrypoint',
      'sh',
      'sf-postgres:1',
      '-c',
      'head -c 1000000 /dev/urandom > /made-here',
    );
    await docker('a', 'commit', 'made', local);
    await docker('a', 'rm', 'made');
    await up('local', stack);

    const report = await api.post<{ checks: { name: string; status: string; detail: string }[] }>(
      '/stacks/local/migrate/preflight',
      { target_host_id: hosts.b.id, sizing: 'stack' },
    );
    const check = report.checks.find(({ name }) => name === 'image_available');
    expect(check).toMatchObject({ status: 'pass', detail: expect.stringContaining(`${local} will be sent`) });

    const { id } = await migrate('local', hosts.b);
    const migration = await ended(id);
    expect(migration.failure).toBeNull();
    expect(migration.status).toBe('completed');
    expect(await running('b')).toEqual(['local-app-1']);
    expect(await imageId('b')).toBe(await imageId('a'));
    const log = await readFile(hosts.a.logPath, 'utf8');
    const sent = Number(/lane images: carried .*"bytes":(\d+)/.exec(log)?.[1]);
    expect(sent, 'its own layer').toBeGreaterThan(1_000_000);
    expect(sent, 'and not those below it, of a hundred times the size').toBeLessThan(20_000_000);
  }, 120_000);
});
