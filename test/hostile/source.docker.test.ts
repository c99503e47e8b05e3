import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeSection } from '../../agent/precopy/delta-stream.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
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
        const migration = await attack(rig(), (honest) => ({
          pack: (tree, ...rest) =>
            'volume' in tree ? packing(() => archiveOf(entries(rig().forbidden))) : honest.pack(tree, ...rest),
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
});
