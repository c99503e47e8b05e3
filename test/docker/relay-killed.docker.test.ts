import { expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { startSlowWire } from '../support/slow-wire.ts';
import { startDockerRig, wipeBoth } from './docker-rig.ts';
import { plain } from './stacks.ts';
import { docker, gatewayAddress } from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

const kills = 10;
const volumeBytes = 1024 * 1_048_576;

describeDocker('a relay that does not live long', () => {
  it('F14 killed ten times in one transfer of 1 GiB, less than a tenth of the bytes is sent again', async () => {
    const wire = await startSlowWire(Number.POSITIVE_INFINITY, gatewayAddress);
    await wipeBoth();
    const rig = await startDockerRig({ relayAdvertise: wire.address });
    try {
      const [host = '', port] = rig.relayAddress.split(':');
      wire.target = { host, port: Number(port) };
      await rig.up('killed', plain());
      const app = 'killed-app-1';
      await docker('a', 'exec', app, 'dd', 'if=/dev/urandom', 'of=/data/blob', 'bs=1M', 'count=1024');
      const sum = await docker('a', 'exec', app, 'sha256sum', '/data/blob');
      const before = wire.bytes();
      const sent = () => wire.bytes() - before;

      const { id } = await rig.migrate('killed', rig.hosts.b);
      for (let kill = 1; kill <= kills; kill++) {
        await until(async () => sent() > (kill * volumeBytes) / (kills + 1), `part ${kill} to be sent`);
        expect((await rig.api.get<MigrationView>(`/migrations/${id}`)).status).toBe('transferring');
        await rig.relay.restart();
      }
      const migration = await rig.ended(id);
      expect(migration.failure).toBeNull();
      expect(migration.status).toBe('completed');
      expect(await docker('b', 'exec', app, 'sha256sum', '/data/blob')).toBe(sum);
      expect(sent() - volumeBytes).toBeGreaterThan(0);
      expect(sent() - volumeBytes).toBeLessThan(volumeBytes / 10);
    } finally {
      await rig.close();
      await wire.close();
      await wipeBoth();
    }
  }, 240_000);
});
