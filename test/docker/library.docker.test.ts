import { expect, it } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { inVolume, listVolume } from './listing.ts';
import { docker } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Files of 4 MiB; docs/benchmarks.md has the command for a library of 8 GiB at 2 MB/s with the agent's own limits. */
const files = Number(process.env.STACKFERRY_LIBRARY_FILES ?? 24);
const whole = files > 100;
const bytesPerS = whole ? 2_000_000 : 8_000_000;

describeDocker('a pre-copy of a library of files beside a small volume', () => {
  // Helpers without a job end sooner than the library takes, as they do in real use.
  const rig = useDockerRig(whole ? {} : { limits: { agent: { residentIdleMsMax: 1_000 } } });

  it(
    'P6, P7, P24, R30: hundreds of large files pass at a slow rate, and the small volume beside them needs no second copy',
    async () => {
      const { api, hosts, up, migrate, ended } = rig();
      await up('library', library);
      await inVolume('a', 'library_music', fill);
      const { id } = await migrate('library', hosts.b, { mode: 'pre-copy', bandwidth_limit: bytesPerS });
      const show = () => api.get<MigrationView>(`/migrations/${id}`);
      let notices = '';
      const migration = await ended(id, ({ kind, data }) => {
        if (kind === 'notice') notices += JSON.stringify(data);
      });
      expect(migration.failure).toBeNull();
      expect(notices).not.toContain('sent again');
      for (const volume of ['library_music', 'library_small'])
        expect((await listVolume('b', volume)) === (await listVolume('a', volume)), volume).toBe(true);
      // A volume that came whole after the stop would have taken the containers with it.
      const created = (await docker('b', 'inspect', '-f', '{{.Created}}', 'library-app-1')).trim();
      const stopping = (await show()).steps.find(({ name }) => name === 'stopping')!;
      expect(Date.parse(created)).toBeLessThan(Date.parse(stopping.started_at!));
    },
    whole ? 3 * 3_600_000 : 180_000,
  );
});

/** Paths so long that those of sixty files are more than one argument holds; one file was last written in 1965. */
const fill = `
  cd /v
  for n in $(seq ${files}); do head -c 4194304 /dev/urandom > "track $n"; done
  dir=.
  for n in $(seq 12); do dir=$dir/$(head -c 240 /dev/zero | tr '\\0' d); done
  mkdir -p $dir
  for n in $(seq 60); do fallocate -l 4M $dir/$n; done
  touch -d '1965-03-04 05:06:07.25' 'track 1'`;

const library = {
  'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    init: true
    # In its new home it only looks on.
    command: [sh, -c, "test -e /small/log && exec sleep 100000; while :; do date >> /small/log; sleep 0.1; done"]
    volumes: [music:/music, small:/small]
volumes: { music: {}, small: {} }
`,
};
