import { afterEach, beforeEach, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { run } from '../support/run.ts';
import { wipeBoth } from './docker-rig.ts';
import { docker, netnsOf, socketOf } from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

/** In the host's own network, as an agent is. */
const script = `
  import { readFile } from 'node:fs/promises';
  import { openDockerApi } from './agent/engine/docker/api.ts';
  import { inspectAll } from './agent/engine/docker/stack/containers.ts';
  import { withFastArp } from './agent/engine/docker/stack/arp-retry.ts';
  const [socket, id, bridge] = process.argv.slice(1);
  const setting = async () => (await readFile('/proc/sys/net/ipv4/neigh/' + bridge + '/retrans_time_ms', 'utf8')).trim();
  const api = await openDockerApi(socket);
  const containers = await inspectAll(api, [id]);
  const seen = [await setting()];
  const start = () => withFastArp(api, containers, async () => void seen.push(await setting()));
  await Promise.all([start(), start()]);
  seen.push(await setting());
  await withFastArp(api, containers, () => Promise.reject(new Error('no start'))).catch(() => {});
  seen.push(await setting());
  await api.close();
  console.log(seen.join(' '));`;

describeDocker('a container that is being started', () => {
  beforeEach(wipeBoth, 60_000);
  afterEach(wipeBoth, 60_000);

  it('is asked for often, and as before afterwards, whether it starts or not', async () => {
    const network = (await docker('a', 'network', 'create', 'quick')).trim();
    const id = (await docker('a', 'create', '--network', 'quick', 'sf-busybox:1')).trim();
    const node = [
      process.execPath,
      '--input-type=module',
      '-e',
      script,
      socketOf('a'),
      id,
      `br-${network.slice(0, 12)}`,
    ];
    const seen = (await run('nsenter', [`--net=/run/netns/${netnsOf('a')}`, ...node])).trim().split(' ').map(Number);
    expect([seen[0], ...seen.slice(3)]).toEqual([1000, 1000, 1000]);
    // The kernel rounds to its own ticks.
    for (const during of seen.slice(1, 3)) expect(during).toBeLessThan(2 * limits.agent.neighbourRetryMs);
  }, 60_000);
});
