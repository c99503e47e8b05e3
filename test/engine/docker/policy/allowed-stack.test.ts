import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DockerContext } from '../../../../agent/engine/docker/context.ts';
import { arrivingOf, powersRefused } from '../../../../agent/engine/docker/facts/powers-refused.ts';
import { assertCreatedAllowed } from '../../../../agent/engine/docker/policy/created-policy.ts';
import { bindPlaceRefusal } from '../../../../agent/engine/docker/policy/project-place.ts';
import { rootHome } from '../../../../agent/engine/docker/policy/protected-paths.ts';
import { type Permission, writePermissions } from '../../../../agent/permissions/permission-file.ts';
import { createPermissions } from '../../../../agent/permissions/permissions.ts';
import type { StackFacts } from '../../../../schema/facts.ts';
import { newId } from '../../../../schema/ids.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';
import { stackFacts } from '../../../saga/preflight/well-facts.ts';
import { startEngine } from '../engine-server.ts';

const old = newId('host');
const other = newId('host');

const created = (HostConfig: object, Mounts: object[] = []) => ({
  Id: 'c1',
  Name: '/shop-web-1',
  HostConfig: { Privileged: false, NetworkMode: 'shop_default', ...HostConfig },
  Mounts,
});

/** A target whose engine has one container of the stack, and whose owner allows this to `shop` from `old`. */
async function target(container: object, ...allowed: Pick<Permission, 'power' | 'exactly'>[]) {
  const { api, close } = await startEngine((path, answer) => {
    if (path.startsWith('/containers/c1')) answer.end(JSON.stringify(container));
    else if (path === '/info') answer.end('{"SecurityOptions":["name=cgroupns"]}');
    else answer.end(path.startsWith('/volumes') ? '{"Volumes":[]}' : '[]');
  });
  onTestFinished(close);
  const stateDir = await temporaryDirectory();
  const allow = (...powers: typeof allowed) =>
    writePermissions(
      stateDir,
      powers.map((one) => ({ stack: 'shop', from: old, ...one })),
    );
  await allow(...allowed);
  const permissions = createPermissions({ stateDir, allow: [], command: ['stackferry', 'agent'] });
  const host = { api, permissions, own: null, stacksDir: null, ownPaths: async () => ['/data/agent'] };
  return { ...host, allow, stateDir, context: host as unknown as DockerContext };
}

const judge = ({ context }: Awaited<ReturnType<typeof target>>, source: string | null, project = 'shop') =>
  assertCreatedAllowed(context, { project, source, directory: '/srv/shop', containers: ['c1'] });

describe('R16 created containers are judged by what the owner allows this stack from this source', () => {
  const capable = created({ CapAdd: ['CAP_NET_ADMIN'] });

  it('what is allowed is let in; from nobody else, under no other name', async () => {
    const host = await target(capable, { power: 'cap_add', exactly: 'NET_ADMIN' });
    await judge(host, old);
    for (const [source, project] of [
      [other, 'shop'],
      [null, 'shop'],
      [old, 'blog'],
    ] as const)
      await expect(judge(host, source, project)).rejects.toMatchObject({ code: 'policy_refused' });
  });

  it('no more than exactly that, and no longer than it is allowed', async () => {
    const host = await target(capable, { power: 'cap_add', exactly: 'SYS_TIME' });
    await expect(judge(host, old)).rejects.toMatchObject({ code: 'policy_refused' });
    await host.allow({ power: 'cap_add', exactly: null });
    await judge(host, old);
    await host.allow();
    await expect(judge(host, old)).rejects.toThrow(
      `run as root on this host: \`stackferry agent allow shop --from ${old} cap_add=NET_ADMIN --state ${host.stateDir}\``,
    );
  });

  it('a bind mount is what its links lead to here', async () => {
    const dir = await temporaryDirectory();
    await symlink('/etc/ssl', join(dir, 'certificates'));
    const bound = created({}, [{ Type: 'bind', Source: join(dir, 'certificates'), RW: true }]);
    await judge(await target(bound, { power: 'host_path', exactly: '/etc/ssl' }), old);
    const asLink = await target(bound, { power: 'host_path', exactly: join(dir, 'certificates') });
    await expect(judge(asLink, old)).rejects.toThrow('host_path (/etc/ssl)');
  });
});

describe('R16 the pre-flight on the target', () => {
  const asking = (...powers: StackFacts['services'][number]['powers']): StackFacts => ({
    ...stackFacts,
    services: stackFacts.services.slice(0, 1).map((service) => ({ ...service, powers })),
  });
  const socket = { power: 'docker_socket', detail: '/var/run/docker.sock' } as const;
  const capability = { power: 'cap_add', detail: 'NET_ADMIN' } as const;

  it('names what is not allowed yet, and the command that allows exactly that', async () => {
    const host = await target(created({}), { power: 'docker_socket', exactly: null });
    const found = await powersRefused(
      host.context,
      asking(socket, capability),
      { project: 'shop', source: old },
      '/srv/shop',
    );
    expect(found.powers_refused).toMatchObject([capability]);
    expect(found.allow_line).toBe(
      `stackferry agent allow shop --from ${old} cap_add=NET_ADMIN --state ${host.stateDir}`,
    );
    const fromOther = await powersRefused(
      host.context,
      asking(socket, capability),
      { project: 'shop', source: other },
      '/srv/shop',
    );
    expect(fromOther.powers_refused.map(({ power }) => power)).toEqual(['docker_socket', 'cap_add']);
  });

  it('an older control plane names no source: only --allow helps', async () => {
    const host = await target(created({}), { power: 'docker_socket', exactly: null });
    expect(
      await powersRefused(host.context, asking(socket), { project: 'shop', source: null }, '/srv/shop'),
    ).toMatchObject({
      powers_refused: [{ power: 'docker_socket' }],
      allow_line: null,
      permissions_fault: null,
    });
  });

  it('a source of the previous release, which could not prove it on arrival, is refused before anything stops', async () => {
    const host = await target(created({}), { power: 'docker_socket', exactly: null });
    const refusedBy = async (names_itself: boolean) => {
      const stack = { ...asking(socket), names_itself };
      return (await powersRefused(host.context, stack, arrivingOf(stack, old), '/srv/shop')).powers_refused;
    };
    expect(await refusedBy(true)).toEqual([]);
    expect(await refusedBy(false)).toMatchObject([{ power: 'docker_socket' }]);
  });

  it('a damaged file allows nothing, and is named', async () => {
    const host = await target(created({}), { power: 'docker_socket', exactly: null });
    const path = join(host.stateDir, 'allowed.json');
    await writeFile(path, '{');
    const { powers_refused, permissions_fault } = await powersRefused(
      host.context,
      asking(socket),
      { project: 'shop', source: old },
      '/srv/shop',
    );
    expect(powers_refused).toHaveLength(1);
    expect(permissions_fault).toContain(`${path} is damaged`);
  });

  it('what the source says of its project directory is asked for where it will be', async () => {
    const host = await target(created({}));
    const detail = '/srv/shop/data/sub, below /srv/shop/data, which service web can write';
    const stack = { ...asking({ power: 'host_path', detail }), working_dir: '/srv/shop' };
    const { powers_refused } = await powersRefused(
      host.context,
      stack,
      { project: 'shop', source: old },
      '/mnt/stacks/shop',
    );
    expect(powers_refused[0]?.detail).toBe(
      '/mnt/stacks/shop/data/sub, below /mnt/stacks/shop/data, which service web can write',
    );
  });
});

describe('R16 the place of a bind mount’s data', () => {
  it('in root’s home needs the permission for that path', async () => {
    const [media, keys] = [`${rootHome}/media`, `${rootHome}/.ssh`];
    const host = await target(created({}), { power: 'host_path', exactly: media });
    const refusal = (source: string | null, place = media, project = 'shop') =>
      bindPlaceRefusal(host.context, { project, source }, place);
    expect(await refusal(old)).toBeNull();
    for (const refused of [
      refusal(other),
      refusal(null),
      refusal(old, `${rootHome}/other`),
      refusal(old, media, 'blog'),
    ])
      expect(await refused).toContain(`${rootHome}, which belongs to the host`);
    await host.allow({ power: 'host_path', exactly: keys });
    expect(await refusal(old, keys)).toContain(keys);
  });
});
