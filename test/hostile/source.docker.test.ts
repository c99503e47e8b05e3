import { rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeSection } from '../../agent/warm/delta-stream.ts';
import type { MigrationView } from '../../schema/api.ts';
import { running } from '../docker/two-hosts.ts';
import { describeDocker } from '../docker/use-docker-rig.ts';
import { archiveOf, type Entry, link, packing, passesOf } from './archives.ts';
import { assertNoSecretLeft, type HostileRig, type Lie, untouched, useHostileRig } from './hostile-rig.ts';

const loot = (name: string) => ({
  'compose.yaml': `
services:
  app: { image: "sf-busybox:1", init: true, command: [sleep, "100000"], volumes: ["data:/seen"] }
volumes: { data: {} }
name: ${name}
`,
});

let stacks = 0;

/** Sends a stack to the honest host while the source lies; the target is as it was, whatever came of it. */
async function attack(
  rig: HostileRig,
  how: Lie,
  options: { files?: Record<string, string>; migrate?: Record<string, unknown> } = {},
): Promise<MigrationView> {
  stacks += 1;
  const name = `loot${stacks}`;
  await rig.up('a', name, options.files ?? loot(name));
  const before = await untouched(rig);
  rig.lie(how);
  const { id } = await rig.migrate(name, rig.honest, options.migrate);
  const migration = await rig.ended(id);
  expect(await untouched(rig)).toEqual(before);
  await assertNoSecretLeft(rig, migration, name);
  return migration;
}

describeDocker('a source in wrong hands, with a real certificate', () => {
  const rig = useHostileRig();

  describe('B33 P4 an archive that leads out of its volume', () => {
    const archives: [string, (forbidden: string) => Entry[]][] = [
      [
        'by its names',
        (forbidden) => [
          [{ name: '../../escape' }, 'x'],
          [{ name: `${forbidden}/escape` }, 'x'],
        ],
      ],
      ['by a link to a directory', (forbidden) => [link('out', forbidden), [{ name: 'out/escape' }, 'x']]],
      [
        'by a second name of a file',
        (forbidden) => [[{ name: 'stolen', type: 'link', linkname: `${forbidden}/secret` }]],
      ],
      [
        'by the directory of its helper',
        () => [link('io', '/io'), [{ name: 'io/status' }, '0\n'], link('io/stderr', '/etc/passwd')],
      ],
    ];
    it.each(archives)(
      '%s touches nothing else',
      async (_, entries) => {
        const migration = await attack(rig(), () => ({
          packVolume: () => packing(() => archiveOf(entries(rig().forbidden))),
        }));
        expect(['failed', 'completed']).toContain(migration.status);
      },
      120_000,
    );
  });

  it('P4 passes of a pre-copy put a link into the helper’s directory: nothing is written or read through it', async () => {
    const { forbidden } = rig();
    const names = ['paths', 'jobs', 'ends', 'stderr', 'status', 'data', 'listing.1', 'attributed'];
    const migration = await attack(
      rig(),
      (honest) => ({
        warm: honest.warm && {
          ...honest.warm,
          source: async (...place) => ({
            ...(await honest.warm!.source(...place)),
            passes: packing(() =>
              passesOf(
                [[link('io', '/io')], names.map((name) => link(`io/${name}`, join(forbidden, name)))],
                encodeSection('remove', Buffer.from('a\0')),
                encodeSection('strip', Buffer.from('b\0')),
              ),
            ),
          }),
        },
      }),
      { migrate: { mode: 'pre-copy' } },
    );
    expect(['failed', 'completed']).toContain(migration.status);
    expect((await running('a')).includes(`loot${stacks}-app-1`)).toBe(migration.status === 'failed');
  }, 120_000);

  describe('files that are not those which the pre-flight was told of', () => {
    const service = (more: string) =>
      `services:\n  app:\n    image: sf-busybox:1\n    init: true\n    command: [sleep, "100000"]\n${more}`;
    interface Evil {
      compose: string;
      link?: string;
    }
    const cases: [string, (bank: string) => Evil][] = [
      [
        'P4 another stack’s volume, as an external one',
        () => ({
          compose: service(
            '    volumes: ["data:/seen/own", "other:/seen/bank"]\nvolumes: { data: {}, other: { name: bank_data, external: true } }\n',
          ),
        }),
      ],
      [
        'P4 another stack’s volume, as its own',
        () => ({
          compose: service(
            '    volumes: ["data:/seen/own", "other:/seen/bank"]\nvolumes: { data: {}, other: { name: bank_data } }\n',
          ),
        }),
      ],
      ['P4 another stack’s mounts', () => ({ compose: service('    volumes_from: ["container:bank-db-1"]\n') })],
      [
        'P5 R20 another stack’s .env, by a link',
        (bank) => ({ compose: service('    environment: ["SEEN=$PASSWORD"]\n'), link: join(bank, '.env') }),
      ],
      [
        'P5 another stack’s .env, as one that may be absent',
        (bank) => ({ compose: service(`    env_file: [{ path: "${bank}/.env", required: false }]\n`) }),
      ],
      [
        'P5 another stack’s service, spelt as JSON',
        (bank) => ({ compose: service(`    "extends": { "file": "${bank}/compose.yaml", "service": "db" }\n`) }),
      ],
      [
        'P4 a directory that another container can replace by a link',
        () => ({
          compose: service('    volumes: ["./data:/data", "./data/sub:/seen"]\n'),
        }),
      ],
    ];
    it.each(cases)(
      '%s: refused, nothing is read, and the source runs',
      async (_, evilOf) => {
        const evil = evilOf(join(rig().stacksDir('b'), 'bank'));
        stacks += 1;
        const name = `loot${stacks}`;
        const { dir } = await rig().up('a', name, { ...loot(name), '.env': 'A=1\n', 'data/sub/.keep': '' });
        const before = await untouched(rig());
        const told = await rig().truth.inspectStack(name, AbortSignal.timeout(60_000));
        rig().lie(() => ({ inspectStack: async () => told }));
        await writeFile(join(dir, 'compose.yaml'), evil.compose);
        if (evil.link) {
          await rm(join(dir, '.env'));
          await symlink(evil.link, join(dir, '.env'));
        }
        const migration = await rig().ended((await rig().migrate(name, rig().honest)).id);
        expect(migration.failure?.message).toContain('refuses');
        expect(migration).toMatchObject({ status: 'failed', failure: { step: 'deploying', code: 'policy_refused' } });
        expect(await untouched(rig())).toEqual(before);
        await assertNoSecretLeft(rig(), migration, name);
        expect(await running('a')).toContain(`${name}-app-1`);
      },
      120_000,
    );
  });
});
