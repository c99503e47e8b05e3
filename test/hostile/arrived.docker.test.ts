import { existsSync } from 'node:fs';
import { chmod, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { docker, gatewayAddress, running, writeProject } from '../docker/two-hosts.ts';
import { describeDocker } from '../docker/use-docker-rig.ts';
import { assertNoSecretLeft, type HostileRig, secrets, untouched, useHostileRig } from './hostile-rig.ts';

/** Beside the bank: a stack on the bridge that all share. */
const till = {
  'compose.yaml': `
services:
  app: { image: "sf-busybox:1", init: true, command: [sleep, "100000"], network_mode: bridge, env_file: .env }
`,
  '.env': `PASSWORD=${secrets.env}\n`,
};

const service = (more: string) =>
  `services:\n  app:\n    image: sf-busybox:1\n    init: true\n    command: [sleep, "100000"]\n${more}`;
const own = (more = '') => service('    volumes: ["data:/seen/own"]\n') + more;
const told = `${own()}volumes: { data: {} }\n`;

interface Evil {
  compose: string;
  files?: Record<string, string>;
  /** Names in the project directory, and where they lead. */
  links?: Record<string, string>;
  /** Of the files. */
  executable?: string[];
  /** What the source says that its shell had set. */
  environment?: (directory: string) => Record<string, string>;
}

/** Of both hosts, and of the control plane. */
const hostsOwn = gatewayAddress.replace(/\.\d+$/, '.0/24');

let stacks = 0;

/** Tells of one stack and sends the files of another; the honest host is as it was, whatever came of it. */
async function send(rig: HostileRig, evil: Evil): Promise<{ name: string; migration: MigrationView }> {
  stacks += 1;
  const name = `sent${stacks}`;
  const { dir } = await rig.up('a', name, { 'compose.yaml': told, '.env': 'A=1\n', 'data/sub/.keep': '' });
  const before = await untouched(rig);
  const stack = await rig.truth.inspectStack(name, AbortSignal.timeout(60_000));
  rig.lie(() => ({ inspectStack: async () => ({ ...stack, environment: evil.environment?.(dir) ?? {} }) }));
  await writeProject(dir, { ...evil.files, 'compose.yaml': evil.compose });
  for (const file of evil.executable ?? []) await chmod(join(dir, file), 0o755);
  for (const [link, to] of Object.entries(evil.links ?? {})) {
    await rm(join(dir, link), { force: true });
    await symlink(to, join(dir, link));
  }
  const migration = await rig.ended((await rig.migrate(name, rig.honest)).id);
  expect(await untouched(rig)).toEqual(before);
  await assertNoSecretLeft(rig, migration, name);
  return { name, migration };
}

const other = (volume: string) =>
  `${service('    volumes: ["data:/seen/own", "other:/seen/bank"]\n')}volumes: { data: {}, other: ${volume} }\n`;

const cases: [string, (bank: string) => Evil][] = [
  ['P4 another stack’s volume, as an external one', () => ({ compose: other('{ name: bank_data, external: true }') })],
  ['P4 another stack’s volume, as its own', () => ({ compose: other('{ name: bank_data }') })],
  [
    'P4 a volume that is another stack’s directory, by its options',
    (bank) => ({ compose: other(`{ driver_opts: { type: none, o: bind, device: "${bank}" } }`) }),
  ],
  [
    'P4 a volume that is another stack’s directory, by its driver',
    (bank) => ({ compose: other(`{ driver: local-persist, driver_opts: { mountpoint: "${bank}" } }`) }),
  ],
  ['P4 another stack’s mounts', () => ({ compose: service('    volumes_from: ["container:bank-db-1"]\n') })],
  [
    'P5 R20 another stack’s .env, by a link',
    (bank) => ({ compose: service('    environment: ["SEEN=$PASSWORD"]\n'), links: { '.env': join(bank, '.env') } }),
  ],
  [
    'P5 another stack’s .env, as one that may be absent',
    (bank) => ({ compose: service(`    env_file: [{ path: "${bank}/.env", required: false }]\n`) }),
  ],
  [
    'P5 another stack’s .env, mounted as it lies there',
    (bank) => ({ compose: service(`    volumes: ["${bank}/.env:/seen/env:ro"]\n`) }),
  ],
  ['P5 all stacks’ directories', (bank) => ({ compose: service(`    volumes: ["${join(bank, '..')}:/seen"]\n`) })],
  [
    'P5 another stack’s .env, as a secret’s file by a link to its directory',
    (bank) => ({
      compose: `${service('    secrets: [s]\n')}secrets: { s: { file: ./linked/.env } }\n`,
      links: { linked: bank },
    }),
  ],
  [
    'P5 another stack’s service, spelt as JSON',
    (bank) => ({ compose: service(`    "extends": { "file": "${bank}/compose.yaml", "service": "db" }\n`) }),
  ],
  [
    'P5 another stack’s directory, as that of a file of its own which it includes',
    (bank) => ({
      compose: `include: [{ path: sub/more.yaml, project_directory: "${bank}" }]\n${own('volumes: { data: {} }\n')}`,
      files: { 'sub/more.yaml': 'services: { more: { image: "sf-busybox:1", env_file: .env } }\n' },
    }),
  ],
  [
    'P5 another stack’s compose file, by a link in the place of its own',
    (bank) => ({ compose: '', links: { 'compose.yaml': join(bank, 'compose.yaml') } }),
  ],
  [
    'P5 the environment of another stack’s container, by a link on the bridge that all share',
    () => ({ compose: service('    network_mode: bridge\n    external_links: ["till-app-1:till"]\n') }),
  ],
  [
    'P4 a directory that another container can replace by a link',
    () => ({ compose: service('    volumes: ["./data:/data", "./data/sub:/seen"]\n') }),
  ],
  [
    'P4 a log that the engine writes into a socket of the host',
    () => ({
      compose: service(
        '    logging: { driver: fluentd, options: { fluentd-async: "true", fluentd-address: "unix:///run/any.sock" } }\n',
      ),
    }),
  ],
  [
    'P4 a network over the addresses of the host and of its control plane',
    () => ({
      compose: own(`volumes: { data: {} }\nnetworks: { default: { ipam: { config: [{ subnet: "${hostsOwn}" }] } } }\n`),
    }),
  ],
];

describeDocker('files that are not those which the pre-flight was told of', () => {
  const rig = useHostileRig();
  beforeAll(async () => {
    await rig().up('b', 'till', till);
  }, 60_000);

  it.each(cases)(
    '%s: refused, nothing is read, and the source runs',
    async (_, evilOf) => {
      const { name, migration } = await send(rig(), evilOf(join(rig().stacksDir('b'), 'bank')));
      expect(migration.failure?.message).toContain('refuses');
      expect(migration).toMatchObject({ status: 'failed', failure: { step: 'deploying', code: 'policy_refused' } });
      expect(await running('a')).toContain(`${name}-app-1`);
    },
    120_000,
  );

  it('P4 R9: a home in the project directory gives the client no plugin of the stack to run as root', async () => {
    const mark = join(rig().dir, 'plugin-ran');
    const plugin = `#!/bin/sh\ntouch ${mark}\necho '{"SchemaVersion":"0.1.0","Vendor":"x","Version":"1"}'\n`;
    const { migration } = await send(rig(), {
      compose: told,
      files: { '.docker/cli-plugins/docker-compose': plugin },
      executable: ['.docker/cli-plugins/docker-compose'],
      environment: (directory) => ({ HOME: directory }),
    });
    expect(existsSync(mark)).toBe(false);
    expect(migration.failure).toBeNull();
    expect(migration.status).toBe('completed');
  }, 120_000);

  it.each(['LD_PRELOAD', 'PATH', 'DOCKER_CONFIG', 'COMPOSE_FILE', 'A B'])(
    'P4 R9: a variable that changes how Compose itself runs never gets to the target: %s',
    async (name) => {
      const sent = send(rig(), { compose: told, environment: () => ({ [name]: '/seen/x' }) });
      await expect(sent).rejects.toThrow('The answer to "inspect_stack" can\'t be read');
    },
    120_000,
  );

  it('P4 P5 a build of another stack’s directory is not built, however the file asks for it', async () => {
    const bank = join(rig().stacksDir('b'), 'bank');
    const build = `{ context: "${bank}", network: host, dockerfile_inline: "FROM sf-busybox:1\\nCOPY .env /seen/env" }`;
    const { name, migration } = await send(rig(), {
      compose: `${service(`    pull_policy: build\n    build: ${build}\n    volumes: ["data:/data"]\n`)}volumes: { data: {} }\n`,
    });
    expect(['failed', 'completed']).toContain(migration.status);
    const seen = await docker('b', 'ps', '-aq', '--filter', `label=com.docker.compose.project=${name}`);
    for (const id of seen.split('\n').filter(Boolean))
      await expect(docker('b', 'exec', id, 'cat', '/seen/env')).rejects.toThrow();
  }, 120_000);
});
