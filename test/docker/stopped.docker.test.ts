import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import { compose, docker, type HostName, running, writeProject } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/**
 * Stopped, `deaf` ends with 143, and `polite` with 0, as a job does. `late` ends until a file is there, `sick` never gets
 * healthy, `held` is paused.
 */
const file = `
x-any: &any { image: "sf-busybox:1", init: true, command: [sleep, "100000"], volumes: ["data:/data"] }
services:
  app: *any
  deaf: *any
  polite: { <<: *any, restart: unless-stopped, command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"] }
  held: *any
  sick: { <<: *any, healthcheck: { test: [CMD, "false"], interval: 1s, retries: 1 } }
  late:
    <<: *any
    restart: always
    command: [sh, -c, "n=$$(cat /tries || echo 0); echo $$((n + 1)) > /tries; test $$n -ge 3 && exec sleep 100000; exit 1"]
volumes: { data: {} }
`;

async function statesOf(host: HostName): Promise<string[]> {
  const ids = (await docker(host, 'ps', '-aq', '--filter', 'label=com.docker.compose.project=partly'))
    .trim()
    .split('\n');
  const format =
    '{{.Name}} {{if and .State.Health (eq .State.Status "running")}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}';
  const lines = (await docker(host, 'inspect', '-f', format, ...ids)).trim().split('\n');
  return lines.map((line) => line.slice(1).replace(/ (created|exited)$/, ' stopped')).sort();
}

describeDocker('services that do not simply run, between two real Docker hosts', () => {
  const rig = useDockerRig();

  it('P8 R24 R33: a stack comes to its new home as it was, and back: stopped, paused, unhealthy, late', async () => {
    const { api, hosts, dir, migrate, ended, stackAt } = rig();
    const project = await writeProject(join(dir, 'stacks-a', 'partly'), { 'compose.yaml': file });
    await compose('a', project, 'up', '-d');
    await stackAt('partly', hosts.a);
    await docker('a', 'exec', 'partly-app-1', 'dd', 'if=/dev/urandom', 'of=/data/big', 'bs=1M', 'count=8');
    await compose('a', project, 'stop', 'deaf', 'polite');
    await compose('a', project, 'pause', 'held');
    await until(async () => {
      const states = await statesOf('a');
      return ['partly-sick-1 unhealthy', 'partly-late-1 running'].every((one) => states.includes(one));
    }, 'the sick one to be so, and the late one to run');
    const before = await statesOf('a');
    expect(before).toEqual([
      'partly-app-1 running',
      'partly-deaf-1 stopped',
      'partly-held-1 paused',
      'partly-late-1 running',
      'partly-polite-1 stopped',
      'partly-sick-1 unhealthy',
    ]);
    const { id } = await migrate('partly', hosts.b);
    expect((await ended(id)).failure).toBeNull();
    expect(await statesOf('b')).toEqual(before);

    await api.post(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await statesOf('a')).toEqual(before);
    expect(await running('b')).toEqual([]);
    await api.delete(`/stacks/partly/migrate/${id}/target`);

    // A migration that fails puts them back the same way.
    const failing = await migrate('partly', hosts.b, { bandwidth_limit: 65_536 });
    const stopped = async () => (await running('a')).every((name) => !name.startsWith('partly-'));
    await until(stopped, 'the source to be stopped');
    await api.post(`/migrations/${failing.id}/cancel`, {});
    expect((await ended(failing.id)).status).toBe('cancelled');
    expect(await statesOf('a')).toEqual(before);
  }, 400_000);
});
