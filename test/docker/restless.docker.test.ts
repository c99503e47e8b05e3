import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { docker, type HostName } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Everything of a volume but the times and sizes of directories' own blocks: entries, attributes, ACLs, contents. */
const listAll = `
cd /v
find . -type d -printf '%P|%y|%m|%U:%G|%T@\\n' -o -printf '%P|%y|%m|%U:%G|%s|%n|%T@|%l\\n' | LC_ALL=C sort
getfattr -R -h -d -m - -e hex . | LC_ALL=C sort
getfacl -R -n -P . 2>/dev/null | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
`;
const listed = (host: HostName, volume: string) =>
  docker(host, 'run', '--rm', '-v', `${volume}:/v`, 'stackferry-helper:1', 'sh', '-c', listAll);

/** docs/benchmarks.md has the command for more. */
const first = Number(process.env.STACKFERRY_SEED ?? 1);
const seeds = Array.from({ length: Number(process.env.STACKFERRY_SEEDS ?? 2) }, (_, n) => first + n);

describeDocker('a pre-copy of a volume to which everything happens at random', () => {
  const rig = useDockerRig();

  it.each(seeds)(
    'seed %i: it arrives as it was at the stop',
    async (seed) => {
      const { hosts, up, migrate, ended } = rig();
      const name = `restless-${seed}`;
      const pause = [0.0005, 0.005, 0.02][seed % 3];
      await up(name, {
        'mutator.pl': await readFile(new URL('mutator.pl', import.meta.url), 'utf8'),
        'compose.yaml': `
services:
  app:
    image: stackferry-helper:1
    command: [perl, /mutator.pl, "${seed}", "${pause}"]
    init: true
    volumes: ["data:/data", "./mutator.pl:/mutator.pl:ro"]
volumes: { data: {} }
`,
      });
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      let notices = '';
      const { id } = await migrate(name, hosts.b, { mode: 'pre-copy', verify: 'manifest' });
      const migration = await ended(id, ({ kind, data }) => {
        if (kind === 'notice') notices += JSON.stringify(data);
      });
      expect(migration.failure).toBeNull();
      // By its passes alone.
      expect(notices).not.toContain('sent again');
      const before = await listed('a', `${name}_data`);
      expect(before.split('\n').length).toBeGreaterThan(100);
      expect((await listed('b', `${name}_data`)) === before).toBe(true);
    },
    240_000,
  );
});
