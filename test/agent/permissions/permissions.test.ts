import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownCommand } from '../../../agent/permissions/allow-line.ts';
import { permissionCommand } from '../../../agent/permissions/permission-command.ts';
import { createPermissions } from '../../../agent/permissions/permissions.ts';
import { program } from '../../../agent/program.ts';
import type { HostPrivilege } from '../../../schema/facts.ts';
import { newId } from '../../../schema/ids.ts';
import { temporaryDirectory } from '../temporary.ts';

const old = newId('host');
const other = newId('host');

/** An agent's host, and its owner at a terminal there. */
async function ownHost(...allow: HostPrivilege[]) {
  const stateDir = await temporaryDirectory();
  await writeFile(join(stateDir, 'identity.json'), '{}');
  const permissions = createPermissions({ stateDir, allow, command: ['stackferry', 'agent'] });
  return {
    stateDir,
    file: join(stateDir, 'allowed.json'),
    says: (line: string) => permissionCommand([...line.split(' '), '--state', stateDir]),
    may: async (power: HostPrivilege, detail: string, stack = 'shop', source: string | null = old) =>
      (await permissions.of({ project: stack, source })).has({ power, detail }),
    of: (source: string | null) => permissions.of({ project: 'shop', source }),
  };
}

describe('R16 the owner of a host lets one stack from one source have a power', () => {
  it('that stack from that source has it, without a restart; no other stack, source or power', async () => {
    const { says, may } = await ownHost();
    expect(await may('docker_socket', '/run/docker.sock')).toBe(false);
    expect(await says(`allow shop --from ${old} docker_socket`)).toBe(0);
    expect(await may('docker_socket', '/run/docker.sock')).toBe(true);
    expect(await may('docker_socket', '/run/docker.sock', 'blog')).toBe(false);
    expect(await may('docker_socket', '/run/docker.sock', 'shop', other)).toBe(false);
    expect(await may('docker_socket', '/run/docker.sock', 'shop', null)).toBe(false);
    expect(await may('privileged', 'privileged: true')).toBe(false);
  });

  it('it ends as soon as it is taken back', async () => {
    const { says, may } = await ownHost();
    await says(`allow shop --from ${old} docker_socket host_pid cap_add=NET_ADMIN cap_add=SYS_TIME`);
    expect(await says('disallow shop cap_add=SYS_TIME docker_socket')).toBe(0);
    expect(await may('docker_socket', '')).toBe(false);
    expect(await may('cap_add', 'SYS_TIME')).toBe(false);
    expect(await may('cap_add', 'NET_ADMIN')).toBe(true);
    expect(await says(`disallow shop --from ${other}`)).toBe(1);
    expect(await may('host_pid', 'pid: host')).toBe(true);
    expect(await says('disallow shop')).toBe(0);
    expect(await may('host_pid', 'pid: host')).toBe(false);
  });

  it('what the agent was started with holds for every stack besides', async () => {
    const { may } = await ownHost('cap_add');
    expect(await may('cap_add', 'SYS_ADMIN', 'blog', null)).toBe(true);
    expect(await may('devices', '/dev/kvm', 'blog', null)).toBe(false);
  });

  it.each([
    ['{ "permissions": [', 'damaged'],
    ['{"permissions":[{"stack":"shop","from":"a","power":"root","exactly":null}]}', 'damaged'],
  ])('a file that is %s allows nothing, and is not written over', async (text, word) => {
    const { says, may, of, file } = await ownHost('cap_add');
    await says(`allow shop --from ${old} docker_socket`);
    await writeFile(file, text);
    expect(await may('docker_socket', '')).toBe(false);
    expect(await may('cap_add', 'KILL')).toBe(true);
    expect((await of(old)).fault).toContain(`${file} is ${word}`);
    expect(await says(`allow shop --from ${old} docker_socket`)).toBe(1);
    expect(await says('allowed')).toBe(1);
    expect(await may('docker_socket', '')).toBe(false);
  });
});

describe('R16 the command that allows what was refused', () => {
  const refused = [
    { power: 'docker_socket', detail: '/run/docker.sock' },
    { power: 'cap_add', detail: 'NET_ADMIN' },
    { power: 'cap_add', detail: 'NET_ADMIN' },
    { power: 'host_path', detail: "/etc/it's here" },
  ] as const;

  it('names the stack, the source and exactly that, as a shell reads it', async () => {
    const { of, stateDir } = await ownHost();
    expect((await of(old)).allowLine([...refused])).toBe(
      `stackferry agent allow shop --from ${old} docker_socket cap_add=NET_ADMIN 'host_path=/etc/it'\\''s here' --state ${stateDir}`,
    );
  });

  it('is called as the agent is on its host', () => {
    const own = [process.execPath, program];
    expect(ownCommand({ container: null, launched: false })).toEqual(own);
    expect(ownCommand({ container: 'stackferry-agent', launched: false })).toEqual([
      ...['docker', 'exec', 'stackferry-agent'],
      ...own,
    ]);
    expect(ownCommand({ container: null, launched: true })).toEqual(['/usr/lib/stackferry/agent/start']);
  });

  it('there is none for a source that is not known, or names that could show another line than is pasted', async () => {
    const { of } = await ownHost();
    expect((await of(null)).allowLine([...refused])).toBeNull();
    expect((await of('host_a; reboot')).allowLine([...refused])).toBeNull();
    for (const detail of ['/etc/\n reboot', '/etc/\u202ehtap', '/etc/`reboot`', `/etc/${'a'.repeat(2_000)}`])
      expect((await of(old)).allowLine([{ power: 'host_path', detail }])).toBeNull();
    expect((await of(old)).allowLine([])).toBeNull();
  });
});
