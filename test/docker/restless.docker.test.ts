import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { listVolume } from './listing.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

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
    image: sf-tools:1
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
      const before = await listVolume('a', `${name}_data`);
      expect(before.split('\n').length).toBeGreaterThan(100);
      expect((await listVolume('b', `${name}_data`)) === before).toBe(true);
    },
    240_000,
  );
});
