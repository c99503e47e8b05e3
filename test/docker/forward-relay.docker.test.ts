import { expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import { sleep } from '../../node/sleep.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { clients, page } from './old-address.ts';
import { running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

describeDocker('clients of the old address, between two hosts that reach each other by a relay alone', () => {
  const rig = useDockerRig({ direct: false });

  it('lose no request and are refused nothing when the relay is killed, again and again', async () => {
    const { hosts, up, migrate, ended, api, relay } = rig();
    await up('site', page());
    const { id } = await migrate('site', hosts.b, { forward: true });
    expect((await ended(id)).failure).toBeNull();
    const owed = async () => (await api.get<MigrationView>(`/migrations/${id}`)).owed;
    await until(async () => (await owed()).length === 0, 'what is owed');
    expect(await running('b')).toEqual(['site-web-1']);
    const coming = await clients(200);
    for (let kills = 0; kills < 4; kills += 1) {
      await sleep(1_500);
      await relay.restart();
    }
    await sleep(2_000);
    const came = await coming.ended();
    expect(came, JSON.stringify(came)).toMatchObject({ failed: 0 });
    expect(came.sent).toBeGreaterThan(1_000);
    await api.delete(`/migrations/${id}/forwarding`);
    await until(async () => (await owed()).length === 0, 'the end of forwarding');
  }, 240_000);
});
