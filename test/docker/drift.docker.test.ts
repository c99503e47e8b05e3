import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { failedChecks } from '../support/fleet-rig.ts';
import { docker, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const file = (service: string, volumes = 'volumes: { data: {} }') => `
services:
  app:
    init: true
    command: [sleep, "100000"]
${service}
${volumes}
`;

describeDocker('a stack whose files changed, on two real Docker hosts', () => {
  const rig = useDockerRig();

  it('P19: is refused by name, moves as the file says if that is accepted, and comes back as it was', async () => {
    const { api, hosts, dir, up, migrate, refused, ended } = rig();
    const old = join(dir, 'drift-old');
    await mkdir(old);
    await docker('a', 'volume', 'create', 'library');
    for (const host of ['a', 'b'] as const) await docker(host, 'tag', 'sf-busybox:1', 'sf-busybox:new');
    const { dir: project } = await up('drifting', {
      'compose.yaml': file(
        `    image: sf-busybox:1\n    volumes: ["data:/data", "library:/library", "${old}:/old"]\n    environment: { SECRET: hunter2 }\n    ports: ["18090:80"]`,
        'volumes: { data: {}, library: { external: true } }',
      ),
    });
    await docker('a', 'exec', 'drifting-app-1', 'sh', '-c', 'echo kept >/data/rows');
    await writeFile(
      join(project, 'compose.yaml'),
      file(
        '    image: sf-busybox:new\n    volumes: ["data:/data"]\n    environment: { SECRET: hunter3 }\n    ports: ["18091:80"]',
      ),
    );
    const report = await refused('drifting', hosts.b);
    expect(failedChecks(report)).toEqual(['config_current']);
    const { detail } = report.checks.find(({ name }) => name === 'config_current')!;
    expect(detail).toContain('app differs in image, ports, volumes, environment (SECRET).');
    expect(detail).not.toContain('hunter');

    const { id } = await migrate('drifting', hosts.b, { accept_drift: true });
    const done = await ended(id);
    expect(done).toMatchObject({ status: 'completed' });
    const check = done.report?.checks.find(({ name }) => name === 'config_current');
    expect(check).toMatchObject({ status: 'note' });
    expect(check?.detail).toContain(`bind mount ${old} of service app, volume library`);
    expect(done.report?.plan?.ports).toEqual([{ service: 'app', port: 18091, protocol: 'tcp' }]);
    const inspect = (host: 'a' | 'b') =>
      docker(host, 'inspect', '-f', '{{.Config.Image}} {{json .HostConfig.PortBindings}}', 'drifting-app-1');
    expect(await inspect('b')).toMatch(/^sf-busybox:new .*18091/);
    expect(await docker('b', 'exec', 'drifting-app-1', 'cat', '/data/rows')).toBe('kept\n');

    await api.post(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await running('a')).toEqual(['drifting-app-1']);
    expect(await inspect('a')).toMatch(/^sf-busybox:1 .*18090/);
  }, 240_000);

  it('P19: is refused where the file wants an image that the source does not have', async () => {
    const { hosts, up, refused } = rig();
    const { dir } = await up('imageless', { 'compose.yaml': file('    image: sf-busybox:1') });
    await writeFile(join(dir, 'compose.yaml'), file('    image: sf-nowhere:7'));
    const report = await refused('imageless', hosts.b, { accept_drift: true });
    expect(JSON.stringify(report.checks)).toContain('app wants the image sf-nowhere:7, which the source does not have');
    expect(await running('a')).toEqual(['imageless-app-1']);
  }, 120_000);
});
