import { expect, it } from 'vitest';
import { docker, type HostName, nextClient } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const file = `
services:
  web:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    restart: always
    configs: [{ source: site, target: /etc/site.conf }]
    secrets: [key]
configs:
  site: { content: "listen 80;" }
secrets:
  key: { environment: SECRET_KEY }
`;

const injected = (host: HostName, stack: string) =>
  docker(host, 'exec', `${stack}-web-1`, 'cat', '/etc/site.conf', '/run/secrets/key');

describeDocker('what Compose 2.40 puts into containers right before their start', () => {
  const rig = useDockerRig({ client: nextClient });

  it.each(['stop-copy', 'pre-copy'])(
    'R2: configs by content and secrets by variable are in the moved containers, and in those rolled back (%s)',
    async (mode) => {
      const { api, hosts, up, migrate, ended } = rig();
      const stack = `site-${mode}`;
      await up(stack, { 'compose.yaml': file, '.env': 'SECRET_KEY=k-1\n' });
      expect(await injected('a', stack)).toBe('listen 80;k-1');
      const { id } = await migrate(stack, hosts.b, { mode });
      expect(await ended(id)).toMatchObject({ status: 'completed', failure: null });
      expect(await injected('b', stack)).toBe('listen 80;k-1');

      // Without its containers the source is revived from its files.
      await docker('a', 'rm', `${stack}-web-1`);
      await api.post(`/migrations/${id}/rollback`, {});
      expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
      expect(await injected('a', stack)).toBe('listen 80;k-1');
    },
    240_000,
  );
});
