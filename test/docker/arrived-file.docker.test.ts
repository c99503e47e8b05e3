import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { assertArrivedAllowed } from '../../agent/engine/docker/arrived-file.ts';
import { createVolume } from '../../agent/engine/docker/volumes.ts';
import type { HostPower } from '../../schema/facts.ts';
import { dockerBinary, socketOf, writeProject } from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

const web = (more: string) => `services:\n  web:\n    image: app\n${more}`;

interface Arrived {
  compose: string;
  files?: Record<string, string>;
  links?: Record<string, string>;
  services?: string[];
  allow?: HostPower[];
}

/** Real Compose reads it, as the target's agent lets it. */
async function judge({ compose, files = {}, links = {}, services = ['web'], allow = [] }: Arrived): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-arrived-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await writeProject(dir, { ...files, 'compose.yaml': compose });
  for (const [name, to] of Object.entries(links)) await symlink(to, join(dir, name));
  await assertArrivedAllowed(
    { dockerBinary, socketPath: socketOf('b'), allow, ownPaths: async () => ['/data/agent'] },
    {
      project: 'shop',
      source_dir: '/srv/shop',
      target_dir: dir,
      config_files: ['/srv/shop/compose.yaml'],
      env_files: [],
      services,
      one_shots: [],
    },
    AbortSignal.timeout(30_000),
  );
}

const refusal = (power: string) => ({ code: 'policy_refused', message: expect.stringContaining(power) });

describeDocker('what arrived is judged by the target, whatever the source said of it', () => {
  it('an ordinary stack is let in: its own files, its own volumes, binds of plain directories', async () => {
    const compose = web(
      '    env_file: [app.env]\n    volumes: ["./data:/data", "kept:/kept", "/srv/media:/media"]\n    configs: [c]\n' +
        'volumes: {kept: {}}\nconfigs: {c: {file: ./c.txt}}\n',
    );
    await judge({ compose, files: { 'app.env': 'A=1\n', 'c.txt': 'c' } });
  });

  it.each([
    ['privileged', '    privileged: true\n'],
    ['docker_socket', '    volumes: ["/var/run/docker.sock:/s"]\n'],
    ['host_path', '    volumes: ["/etc:/host-etc"]\n'],
    ['host_path', '    volumes: ["/var:/v"]\n'],
    ['host_path', '    volumes: ["/data:/v"]\n'],
    ['host_path', '    volumes: ["kept:/v"]\nvolumes: {kept: {driver_opts: {type: none, o: bind, device: /}}}\n'],
    ['host_pid', '    pid: host\n'],
    ['host_network', '    network_mode: "container:of-another-stack"\n'],
    ['devices', '    device_cgroup_rules: ["b *:* rwm"]\n'],
  ])('B38 a file that asks for %s is refused, unless that is allowed here', async (power, asks) => {
    await expect(judge({ compose: web(asks) })).rejects.toMatchObject(refusal(power));
    await judge({ compose: web(asks), allow: [power as HostPower] });
  });

  it('B38 a service that comes along as a dependency is judged too, one that is not started is not', async () => {
    const compose = `${web('    depends_on: [helper]\n')}  helper: {image: app, privileged: true}\n`;
    await expect(judge({ compose })).rejects.toMatchObject(refusal('helper asks for privileged'));
    await judge({ compose: `${web('')}  idle: {image: app, privileged: true, profiles: [never]}\n` });
  });

  it('B38 a link in the project directory counts as what it leads to here', async () => {
    const compose = web('    volumes: ["./data:/data", "./deep/er:/d"]\n');
    await judge({ compose });
    await expect(judge({ compose, links: { data: '/' } })).rejects.toMatchObject(refusal('host_path'));
    await expect(judge({ compose, links: { deep: '/etc' } })).rejects.toMatchObject(refusal('host_path'));
  });

  it.each([
    ['an env_file of this host', { compose: web('    env_file: [/etc/hostname]\n') }],
    ['an env_file that is a link', { compose: web('    env_file: [e]\n'), links: { e: '/etc/hostname' } }],
    ['a secret of this host', { compose: web('    secrets: [s]\nsecrets: {s: {file: /etc/hostname}}\n') }],
    ['a local file beyond it', { compose: `include: ["../elsewhere.yaml"]\n${web('')}` }],
    ['a remote file', { compose: `include: ["https://example.com/stack.git"]\n${web('')}` }],
  ])('B36 a file that uses %s is refused', async (_, arrived: Arrived) => {
    await expect(judge(arrived)).rejects.toMatchObject(refusal('refuses the compose file'));
  });

  it.each(['https://example.com/stack.git', 'oci://example.com/stack'])(
    'B36 an include of %s, spelt so that nobody sees it coming, is not fetched',
    async (remote) => {
      const spelt = remote.replace(':', '\\u003a');
      await expect(
        judge({ compose: `{"include": ["${spelt}"], "services": {"web": {"image": "app"}}}` }),
      ).rejects.toMatchObject({
        code: 'compose_failed',
        message: expect.stringMatching(/remote resource is disabled/),
      });
    },
  );

  it('B38 no volume is made that would be a mount of its own', async () => {
    const spec = { name: 'v', labels: {}, external: false, size_bytes: null, also_used_by: [] };
    const never = new Proxy({}, { get: () => expect.fail('the engine was asked') }) as never;
    for (const bad of [
      { driver: 'local', options: { type: 'none', o: 'bind', device: '/' } },
      { driver: 'nfs', options: {} },
    ])
      await expect(createVolume(never, { ...spec, ...bad }, 'm')).rejects.toMatchObject({ code: 'policy_refused' });
  });
});
