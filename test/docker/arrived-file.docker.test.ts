import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readModel } from '../../agent/compose/project.ts';
import { openDockerApi } from '../../agent/engine/docker/api.ts';
import { assertArrivedAllowed } from '../../agent/engine/docker/policy/arrived-file.ts';
import { createVolume } from '../../agent/engine/docker/stack/volumes.ts';
import type { HostPrivilege } from '../../schema/facts.ts';
import { startedWith } from '../support/permissions.ts';
import { dockerBinary, socketOf, writeProject } from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

const web = (more: string) => `services:\n  web:\n    image: app\n${more}`;

interface Arrived {
  compose: string;
  files?: Record<string, string>;
  links?: Record<string, string>;
  services?: string[];
  allow?: HostPrivilege[];
}

async function arrive({ compose, files = {}, links = {} }: Arrived): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-arrived-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await writeProject(dir, { ...files, 'compose.yaml': compose });
  for (const [name, to] of Object.entries(links)) await symlink(to, join(dir, name));
  return dir;
}

/** Real Compose reads it, as the target's agent lets it. */
async function judge({ services = ['web'], allow = [], ...arrived }: Arrived): Promise<void> {
  const dir = await arrive(arrived);
  const api = await openDockerApi(socketOf('b'));
  onTestFinished(() => api.close());
  await assertArrivedAllowed(
    {
      api,
      dockerBinary,
      socketPath: socketOf('b'),
      permissions: startedWith(...allow),
      allowKeys: [],
      ownPaths: async () => ['/data/agent'],
    },
    {
      project: 'shop',
      source_dir: '/srv/shop',
      target_dir: dir,
      config_files: ['/srv/shop/compose.yaml'],
      env_files: [],
      override: null,
      anonymous: [],
      drifted: [],
      services,
      one_shots: [],
      before: [],
    },
    null,
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
    ['host_path', '    volumes: ["kept:/v"]\nvolumes: {kept: {driver_opts: {type: tmpfs, o: bind, device: /}}}\n'],
    ['host_pid', '    pid: host\n'],
    ['host_network', '    network_mode: "container:of-another-stack"\n'],
    ['devices', '    device_cgroup_rules: ["b *:* rwm"]\n'],
  ])('B38 a file that asks for %s is refused, unless that is allowed here', async (power, asks) => {
    await expect(judge({ compose: web(asks) })).rejects.toMatchObject(refusal(power));
    await judge({ compose: web(asks), allow: [power as HostPrivilege] });
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
    const options = '{driver_opts: {type: none, o: bind, device: "$PWD/data"}}';
    const bound = web(`    volumes: ["kept:/v"]\nvolumes: {kept: ${options}}\n`);
    await judge({ compose: bound });
    await expect(judge({ compose: bound, links: { data: '/etc' } })).rejects.toMatchObject(refusal('host_path'));
  });

  it.each([
    ['an env_file of this host', { compose: web('    env_file: [/etc/hostname]\n') }],
    ['an env_file that is a link', { compose: web('    env_file: [e]\n'), links: { e: '/etc/hostname' } }],
    ['a secret of this host', { compose: web('    secrets: [s]\nsecrets: {s: {file: /etc/hostname}}\n') }],
    ['a local file beyond it', { compose: `include: ["../elsewhere.yaml"]\n${web('')}` }],
    ['a remote file', { compose: `include: ["https://example.com/stack.git"]\n${web('')}` }],
    ['a remote file, spelt in escapes', { compose: `include: ["oci\\u003a//example.com/stack"]\n${web('')}` }],
  ])('B36 a file that uses %s is refused', async (_, arrived: Arrived) => {
    await expect(judge(arrived)).rejects.toMatchObject(refusal('refuses the compose file'));
  });

  it.each([
    ['.env as a link', { compose: web(''), links: { '.env': '/etc/hostname' } }],
    ['an env_file that need not exist', { compose: web('    env_file: [{path: /etc/absent.env, required: false}]\n') }],
    ['a label_file', { compose: web('    label_file: /etc/absent.labels\n') }],
    ['"extends" in quotes', { compose: web('    "extends": {"file": "/etc/absent.yaml", "service": "a"}\n') }],
    ['"include" in quotes', { compose: `"include": [{"path": "/etc/absent.yaml"}]\n${web('')}` }],
    ['an include by another document of the file', { compose: `${web('')}---\ninclude: [../elsewhere.yaml]\n` }],
    ['the env_file of an include', { compose: `include: [{path: [c.yaml], env_file: /etc/absent}]\n${web('')}` }],
    ['the .env of an include', { compose: `include: [sub/c.yaml]\n${web('')}`, links: { sub: '/etc' } }],
    ['an extended file’s env_file', { compose: web('    extends: {file: base.yaml, service: b}\n') }],
    ['an env_file by way of a variable', { compose: web('    env_file: ["$WHERE/x"]\n') }],
  ])('P5: %s cannot bring in values of another stack', async (_, arrived: Arrived) => {
    const files = {
      '.env': 'WHERE=/etc\n',
      'c.yaml': 'services: {}\n',
      'base.yaml': `${web('').replace('web', 'b')}    env_file: /etc/x\n`,
    };
    await expect(judge({ ...arrived, files: arrived.links ? {} : files })).rejects.toMatchObject(
      refusal('refuses the compose file'),
    );
  });

  it('P5: files that a project includes and extends from its own directory are let in', async () => {
    const files = {
      'base.yaml': web('    env_file: base.env\n').replace('web', 'b'),
      'sub/c.yaml': 'services: {other: {image: app, env_file: o.env}}\n',
      'base.env': 'A=1\n',
      'sub/o.env': 'B=1\n',
      'sub/.env': 'C=1\n',
      '.env': 'WHERE=sub\n',
    };
    const own = web('    extends: {file: base.yaml, service: b}\n    env_file: ["$WHERE/o.env"]\n');
    await judge({ compose: `include: [{path: "$WHERE/c.yaml"}]\n${own}`, files });
  });

  it.each(['https://example.com/stack.git', 'oci://example.com/stack'])(
    'B36 an include of %s is not fetched, if ever Compose is asked to',
    async (remote) => {
      const dir = await arrive({ compose: `include: ["${remote}"]\n${web('')}` });
      const project = {
        project: 'shop',
        directory: dir,
        configFiles: [join(dir, 'compose.yaml')],
        envFiles: [],
        environment: {},
      };
      await expect(
        readModel({ binary: dockerBinary, socketPath: socketOf('b') }, project, AbortSignal.timeout(30_000)),
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
