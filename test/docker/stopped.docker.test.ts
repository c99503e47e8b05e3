import { expect, it } from 'vitest';
import { compose, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Stopped, `deaf` ends with 143, and `polite` with 0, as a job does. */
const file = `
x-any: &any { image: "sf-busybox:1", init: true, command: [sleep, "100000"], volumes: ["data:/data"] }
services:
  app: *any
  deaf: *any
  polite: { <<: *any, restart: unless-stopped, command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"] }
volumes: { data: {} }
`;

describeDocker('services that somebody stopped, between two real Docker hosts', () => {
  const rig = useDockerRig();

  it('are started in the new home, and a rollback leaves them stopped', async () => {
    const { api, hosts, up, migrate, ended } = rig();
    const project = await up('partly', { 'compose.yaml': file });
    await compose('a', project, 'stop', 'deaf', 'polite');
    const { id } = await migrate('partly', hosts.b);
    expect((await ended(id)).failure).toBeNull();
    expect(await running('b')).toEqual(['partly-app-1', 'partly-deaf-1', 'partly-polite-1']);

    await api.post(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await running('a')).toEqual(['partly-app-1']);
    expect(await running('b')).toEqual([]);
  }, 240_000);
});
