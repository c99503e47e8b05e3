import { stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { agentCommand } from '../../../agent/main.ts';
import { hostPrivileges } from '../../../schema/facts.ts';
import { newId } from '../../../schema/ids.ts';
import { temporaryDirectory } from '../temporary.ts';

const from = newId('host');

/** In this process: what one of its own would take on a loaded machine is no business of these tests. */
async function agent(args: string[]) {
  const told = { out: '', err: '' };
  const keep = (stream: keyof typeof told) => (text: string | Uint8Array) => {
    told[stream] += text;
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(keep('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(keep('err')),
  ];
  const code = await agentCommand(args).finally(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return { code, ...told };
}

async function stateDir(): Promise<string> {
  const dir = await temporaryDirectory();
  await writeFile(join(dir, 'identity.json'), '{}');
  return dir;
}

describe('R16 stackferry agent allow, allowed, disallow', () => {
  it('says in words what is allowed, to whom, and keeps it where only the owner reads', async () => {
    const state = await stateDir();
    const own = ['--state', state];
    const allowed = await agent(['allow', 'shop', '--from', from, 'docker_socket', 'cap_add=cap_net_admin', ...own]);
    expect(allowed).toMatchObject({ code: 0, err: '' });
    expect(allowed.out).toContain('docker_socket: the stack can do everything that root can on this host');
    expect(allowed.out).toContain('cap_add=NET_ADMIN: ');
    expect((await stat(join(state, 'allowed.json'))).mode & 0o777).toBe(0o600);
    const listed = await agent(['allowed', ...own]);
    expect(listed.out).toContain(`shop, from ${from}:\n  docker_socket: `);
    expect((await agent(['disallow', 'shop', ...own])).out).toContain('may no longer have');
    expect((await agent(['allowed', ...own])).out).toContain('No stack is allowed anything');
  });

  it('a path is what it leads to on this host', async () => {
    const state = await stateDir();
    await symlink('/etc/ssl', join(state, 'link'));
    const { out } = await agent(['allow', 'shop', '--from', from, `host_path=${state}/link`, '--state', state]);
    expect(out).toContain('host_path=/etc/ssl: ');
  });

  it.each([
    [
      'a power that there is none of',
      ['shop', '--from', from, 'root'],
      '"root" is not a power. There are privileged, ',
    ],
    ['no power', ['shop', '--from', from], 'Which power?'],
    ['a name for the source', ['shop', '--from', 'old', 'devices'], '--from takes the id of a host, not "old"'],
    ['no source', ['shop', 'devices'], '--from HOST is missing'],
    ['a name that is no stack’s', ['Shop!', '--from', from, 'devices'], '"Shop!" is not a stack name'],
    ['no stack', [], 'Which stack?'],
    ['a part of what is all or nothing', ['shop', '--from', from, 'privileged=a'], 'privileged is all or nothing'],
    ['a path that is not absolute', ['shop', '--from', from, 'host_path=etc'], 'host_path takes an absolute path'],
    ['an option that there is none of', ['shop', '--to', from, 'devices'], "Unknown option '--to'"],
  ])('refuses %s, and says what to write', async (_, args, words) => {
    const { code, err } = await agent(['allow', ...args, '--state', await stateDir()]);
    expect(code).toBe(2);
    expect(err).toContain(words);
    expect(err).toContain('stackferry agent allow STACK --from HOST');
  });

  it('refuses a directory that is no agent’s, and tells of every power with --help', async () => {
    const empty = await temporaryDirectory();
    const { code, err } = await agent(['allowed', '--state', empty]);
    expect(code).toBe(2);
    expect(err).toContain(`No agent has its state in ${empty}`);
    const { out } = await agent(['allow', '--help']);
    for (const power of hostPrivileges) expect(out).toContain(power);
    expect((await agent(['--help'])).out).toContain('stackferry agent allow --help');
  });
});
