import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { waysOut } from '../../schema/lift.ts';
import { failedChecks } from '../support/fleet-rig.ts';
import { compose, docker, running, writeProject } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const file = `
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    environment: { KEEP: "\${HOME}/keep", WHERE: "\${DATA_DIR:?say where}" }
    volumes: [data:/data]
volumes: { data: {} }
`;
const [home, data] = ['/home/ann-of-the-shell', '/srv/data of the shell'];

describeDocker('variables of the shell that no mount tells', () => {
  const rig = useDockerRig();

  it('R9: are asked for by name, used on both hosts, kept for a rollback, and in no event', async () => {
    const { api, dir, hosts, migrate, refused, ended, stackAt } = rig();
    const project = await writeProject(`${dir}/stacks-a/shelled`, { 'compose.yaml': file });
    await compose('a', { ...project, env: { HOME: home, DATA_DIR: data } }, 'up', '-d');
    await stackAt('shelled', hosts.a);

    const first = await refused('shelled', hosts.b);
    expect(failedChecks(first)).toEqual(['compose_supported', 'config_current']);
    expect(waysOut(first.checks)).toEqual([{ env: ['DATA_DIR'] }]);
    const second = await refused('shelled', hosts.b, { env: [`DATA_DIR=${data}`] });
    expect(failedChecks(second)).toEqual(['config_current']);
    expect(waysOut(second.checks)).toEqual([{ env: ['HOME'] }, { accept_drift: true }]);
    expect(JSON.stringify([second.checks, second.notes])).not.toContain(data);

    const events: unknown[] = [];
    const { id } = await migrate('shelled', hosts.b, { env: [`DATA_DIR=${data}`, `HOME=${home}`] });
    expect((await ended(id, (event) => events.push(event))).status).toBe('completed');
    const said = (host: 'a' | 'b') => docker(host, 'exec', 'shelled-app-1', 'sh', '-c', 'echo "$KEEP $WHERE"');
    expect(await said('b')).toBe(`${home}/keep ${data}\n`);
    expect(events.length).toBeGreaterThan(5);
    const logs = await Promise.all(['a', 'b'].map((host) => readFile(`${dir}/host-${host}/host.log`, 'utf8')));
    expect(JSON.stringify(events) + logs.join()).not.toMatch(/of-the-shell|of the shell/);

    await docker('a', 'container', 'prune', '-f');
    await api.post<MigrationView>(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await running('a')).toEqual(['shelled-app-1']);
    expect(await said('a')).toBe(`${home}/keep ${data}\n`);
  }, 240_000);
});
